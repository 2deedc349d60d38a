package config

import "trunkline/internal/fault"

// The faults of a pipeline file. Each is found before anything was tried, so
// all of them end the process with exit code 2.
var (
	// ManyProblems gathers the problems of one file; see [ProblemsOf].
	ManyProblems = &fault.Kind{
		Code: 3001, Title: "Pipeline file has several problems", Usage: true,
		Found:  "more than one problem in the pipeline file",
		Action: "mend the lines above; `trunkline schema` prints every key with its type",
	}
	// Unreadable is a file that cannot be opened, or is no pipeline file at all.
	Unreadable = &fault.Kind{
		Code: 3002, Title: "Pipeline file cannot be read", Usage: true,
		Found:  "the file is missing, not readable, empty or too large",
		Action: "give the path of a pipeline file with -f",
	}
	// Malformed is text that is not YAML.
	Malformed = &fault.Kind{
		Code: 3003, Title: "Pipeline file is not valid YAML", Usage: true,
		Found:  "the YAML parser stops",
		Action: "mend the line named; indent with spaces and put quotes around values with special characters",
	}
	// UnknownKey is a key that nobody declared.
	UnknownKey = &fault.Kind{
		Code: 3004, Title: "Unknown key", Usage: true,
		Found:  "a key that the section does not have",
		Action: "use a key of the section; `trunkline schema` prints all of them",
	}
	// Missing is a mandatory field without a value.
	Missing = &fault.Kind{
		Code: 3005, Title: "Mandatory field is missing", Usage: true,
		Found:  "a mandatory field is absent or empty",
		Action: "add the field",
	}
	// DuplicateKey is a key, or a name within a list, given twice.
	DuplicateKey = &fault.Kind{
		Code: 3006, Title: "Given twice", Usage: true,
		Found:  "the same key twice in one section, or the same name twice in one list",
		Action: "keep one of the two",
	}
	// WrongType is a value of another type than the field's.
	WrongType = &fault.Kind{
		Code: 3007, Title: "Value of the wrong type", Usage: true,
		Found:  "a value that cannot be read as the type of its field",
		Action: "write a value of the type named",
	}
	// NotAllowed is a value of the right type that the field does not take.
	NotAllowed = &fault.Kind{
		Code: 3008, Title: "Value not allowed", Usage: true,
		Found:  "a value out of range, not among the words of its field, or ill-formed",
		Action: "write a value that the field takes",
	}
	// NotYet is a setting that is specified but not built.
	NotYet = &fault.Kind{
		Code: 3009, Title: "Not available in this version", Usage: true,
		Found:  "a setting that this version knows but cannot do",
		Action: "leave it out, or use a version that has it",
	}
	// Unresolved is a ${VARIABLE} or file:PATH without a value.
	Unresolved = &fault.Kind{
		Code: 3010, Title: "Reference without a value", Usage: true,
		Found:  "an environment variable that is not set, or a secret file that cannot be read",
		Action: "set the variable, or create the file, before starting",
	}
	// Conflict is a setting that contradicts another or has no effect beside it.
	Conflict = &fault.Kind{
		Code: 3011, Title: "Settings contradict each other", Usage: true,
		Found:  "a setting that does not go with another one",
		Action: "change one of the two",
	}
)

// Faults is this package's part of the error catalogue.
var Faults = []*fault.Kind{
	ManyProblems, Unreadable, Malformed, UnknownKey, Missing, DuplicateKey,
	WrongType, NotAllowed, NotYet, Unresolved, Conflict,
}
