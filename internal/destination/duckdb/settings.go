package duckdb

import (
	"time"

	"trunkline/internal/config"
)

// Settings of a DuckDB file.
type Settings struct {
	Path          string        `yaml:"path" required:"true" path:"true" title:"Database file" doc:"File to load into; it is made if it does not exist." example:"shop.duckdb"`
	Schema        string        `yaml:"schema" default:"main" title:"Schema" doc:"Schema of the tables; it is made if it does not exist."`
	MemoryLimit   config.Size   `yaml:"memory_limit" min:"64MiB" title:"Memory limit" doc:"Memory that DuckDB may use; beyond it, it spills to disk. A batch needs about 256 KiB for each column of each of its tables." otherwise:"a quarter of the machine's, at least 512 MiB" example:"2GiB"`
	Threads       int           `yaml:"threads" min:"1" max:"256" title:"Threads" doc:"Threads that DuckDB may use." otherwise:"the number of processors"`
	LockTimeout   time.Duration `yaml:"lock_timeout" default:"60s" title:"Lock timeout" doc:"How long to wait while another process holds the file."`
	TempDirectory string        `yaml:"temp_directory" path:"true" title:"Spill folder" doc:"Where DuckDB spills to." otherwise:"beside the file"`
}
