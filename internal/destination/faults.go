package destination

import "trunkline/internal/fault"

// The faults of destinations.
var (
	Unreachable = &fault.Kind{
		Code: 2001, Title: "Destination cannot be opened",
		Found:  "the path, host or database does not exist or does not answer",
		Action: "verify the destination's settings",
	}
	Locked = &fault.Kind{
		Code: 2002, Title: "Destination is in use",
		Found:  "another process holds the file",
		Action: "close the other program; the load goes on by itself as soon as the file is free",
	}
	NotWritable = &fault.Kind{
		Code: 2003, Title: "Destination cannot be written",
		Found:  "permissions of the file, folder, schema or role",
		Action: "grant write access",
	}
	Corrupt = &fault.Kind{
		Code: 2004, Title: "Destination is damaged or not of this kind",
		Found:  "the file is not a database, or of a version that this one cannot read",
		Action: "restore the file from a backup, or name another path: the history is then loaded anew",
	}
	Full = &fault.Kind{
		Code: 2005, Title: "Destination is full",
		Found:  "no space left on the device, or a quota",
		Action: "free space or enlarge the disk, then start again: nothing is lost, and the load goes on where it stood",
	}
	TableTaken = &fault.Kind{
		Code: 2006, Title: "Table exists and is not ours",
		Found:  "a table of the same name that no pipeline made",
		Action: "rename or drop that table, or choose another name with table_name",
	}
	Fenced = &fault.Kind{
		Code: 2007, Title: "Another process has taken the pipeline over",
		Found:  "the owner number in the destination is no longer ours",
		Action: "run one process per pipeline; this one has stopped and wrote nothing since",
	}
	Gap = &fault.Kind{
		Code: 2008, Title: "Changes do not follow on the checkpoint",
		Found:  "the destination's position is not where the batch begins: it was restored or edited",
		Action: "start again: the stream resumes at the destination's position, if the source still has it",
	}
	BaseMissing = &fault.Kind{
		Code: 2009, Title: "Row to complete is missing",
		Found:  "an update that carries only some values, of a row that the destination does not have",
		Action: "somebody removed rows from the destination: load the object's history again",
	}
	TableChanged = &fault.Kind{
		Code: 2010, Title: "Table was changed in the destination",
		Found:  "a table or column that Trunkline made is gone or has another type",
		Action: "undo the change, or load the object's history again",
	}
	OutOfMemory = &fault.Kind{
		Code: 2011, Title: "Destination ran out of memory",
		Found:  "the memory limit of the destination",
		Action: "raise memory_limit in the destination's settings",
	}
	SettingsRefused = &fault.Kind{
		Code: 2012, Title: "Destination setting refused",
		Found:  "a setting that the destination does not take",
		Action: "correct the setting", Usage: true,
	}
	QueryRefused = &fault.Kind{
		Code: 2013, Title: "Query refused",
		Found:  "the destination does not take a query of the user's",
		Action: "correct the query; it is in the destination's dialect of SQL",
	}
	Unavailable = &fault.Kind{
		Code: 2014, Title: "Destination does not answer",
		Found:  "name resolution, a refused or lost connection, a timeout; or the server is starting, stopping, or out of connections",
		Action: "verify the destination's host and port, and that this machine may connect; a running pipeline tries again by itself",
	}
	LoginRefused = &fault.Kind{
		Code: 2015, Title: "Destination refuses the login",
		Found:  "SQLSTATE class 28: user, password, or the server's rules for who may connect from where",
		Action: "verify the destination's user and password",
	}
	Unfit = &fault.Kind{
		Code: 2016, Title: "Table does not fit into the destination",
		Found:  "more columns than a table of the destination may have, or a name that is too long for it",
		Action: "leave columns out, or choose another name with table_name",
	}
	Depended = &fault.Kind{
		Code: 2017, Title: "Other objects depend on the table",
		Found:  "a table that is to be made anew because its columns are others now, and on which views or the like depend",
		Action: "drop what depends on the table, start again, and make it anew",
	}
	RowRefused = &fault.Kind{
		Code: 2018, Title: "Destination refuses a row",
		Found:  "SQLSTATE class 22 or 23: a constraint that somebody added, or a value that a column does not take",
		Action: "remove the constraint; or make the column text with columns: [{ name: ..., type: text }], which loads the object anew",
	}
	EncodingRefused = &fault.Kind{
		Code: 2019, Title: "Destination has another encoding",
		Found:  "a database that is not in UTF8, which could not hold every text",
		Action: "make a database with ENCODING 'UTF8' TEMPLATE template0 and name that",
	}
)

// Faults are the kinds of this package, for the catalogue.
var Faults = []*fault.Kind{
	Unreachable, Locked, NotWritable, Corrupt, Full, TableTaken, Fenced, Gap,
	BaseMissing, TableChanged, OutOfMemory, SettingsRefused, QueryRefused,
	Unavailable, LoginRefused, Unfit, Depended, RowRefused, EncodingRefused,
}
