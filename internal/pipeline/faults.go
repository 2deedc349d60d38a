package pipeline

import "trunkline/internal/fault"

// The faults of pipelines and objects.
var (
	NamesCollide = &fault.Kind{
		Code: 3101, Title: "Two objects map to one table",
		Found:  "names of tables in the destination, before anything is written",
		Action: "give one of them a table_name of its own",
	}
	ColumnTaken = &fault.Kind{
		Code: 3102, Title: "Column name is taken",
		Found:  "a column of the source has the name of one that Trunkline adds",
		Action: "choose another metadata_prefix, or rename it in metadata_columns",
	}
	ObjectMissing = &fault.Kind{
		Code: 3103, Title: "Object does not exist",
		Found:  "an object of the file is not in the database",
		Action: "correct the name, or take the object out",
	}
	ObjectUnfit = &fault.Kind{
		Code: 3104, Title: "Object cannot be replicated",
		Found:  "views, foreign and unlogged tables have no changes to replicate; names that are not UTF-8 cannot be had elsewhere",
		Action: "take the object out",
	}
	NothingToDo = &fault.Kind{
		Code: 3105, Title: "No table to replicate",
		Found:  "no table of the database is chosen",
		Action: "correct objects, or source.database",
	}
	KeyUnfit = &fault.Kind{
		Code: 3106, Title: "Key cannot be used",
		Found:  "a chosen key has columns that the table lacks, or that may be null",
		Action: "choose columns that are NOT NULL",
	}
	KeyValue = &fault.Kind{
		Code: 3107, Title: "Value of a key cannot be held",
		Found:  "a key that the destination's type has no value for",
		Action: "load the column as text: columns: [{ name: ..., type: text }]; a value that is not UTF-8 is to be mended at the source",
	}
	StateInUse = &fault.Kind{
		Code: 3108, Title: "Pipeline is running",
		Found:  "another process has locked the state directory",
		Action: "stop the other process, or choose another --state",
	}
	StateUnusable = &fault.Kind{
		Code: 3109, Title: "State directory cannot be used",
		Found:  "it cannot be made or written",
		Action: "choose another folder with --state",
	}
	SlotForeign = &fault.Kind{
		Code: 3110, Title: "Slot is not ours",
		Found:  "a slot of the pipeline's name, of which the destination knows nothing",
		Action: "if nobody else uses it, run with --take-over: the slot is dropped and the history loaded",
	}
	WalkBroken = &fault.Kind{
		Code: 3111, Title: "Positions out of order",
		Found:  "a position that was confirmed before it was checkpointed, or the like",
		Action: "this is a defect of Trunkline: please report it with the log",
	}
	DestinationGone = &fault.Kind{
		Code: 3112, Title: "Table is gone from the destination",
		Found:  "a table that was loaded is not there any more",
		Action: "trunkline drop and run again loads the history anew",
	}
)

// Faults are the kinds of this package, for the catalogue.
var Faults = []*fault.Kind{
	NamesCollide, ColumnTaken, ObjectMissing, ObjectUnfit, NothingToDo, KeyUnfit, KeyValue,
	StateInUse, StateUnusable, SlotForeign, WalkBroken, DestinationGone,
}
