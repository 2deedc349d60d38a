package postgres

import (
	"fmt"
	"strings"

	"trunkline/internal/config"
)

// Settings of a PostgreSQL database to load into.
type Settings struct {
	Host              string        `yaml:"host" required:"true" title:"Host" aka:"hostname,server,address,url" example:"warehouse.internal" doc:"IP address or DNS name, or the directory of a Unix socket."`
	Port              int           `yaml:"port" default:"5432" min:"1" max:"65535" title:"Port" doc:"The port of the server."`
	User              string        `yaml:"user" required:"true" title:"User" aka:"username,login" example:"loader" doc:"The user to log in as; it needs CREATE on the database, or on the schemas."`
	Password          config.Secret `yaml:"password" title:"Password" aka:"pass,pwd" example:"${WAREHOUSE_PASSWORD}" otherwise:"none is sent" doc:"The user's password."`
	Database          string        `yaml:"database" required:"true" title:"Database" aka:"db,dbname" example:"warehouse" doc:"The database to load into. It must exist, in encoding UTF8."`
	Schema            string        `yaml:"schema" default:"public" title:"Schema" doc:"Schema of the tables; it is made if it does not exist."`
	SSL               config.SSL    `yaml:"ssl" title:"Use SSL" aka:"tls" doc:"Encryption of the connection."`
	SynchronousCommit string        `yaml:"synchronous_commit" title:"Synchronous commit" enum:"local,remote_write,on,remote_apply" otherwise:"what the server has set, but at least local" doc:"What a commit waits for: the server's own disk (local), or its synchronous standbys too. It is never off: positions are confirmed to the source only for what is on disk."`
}

// Complete fills in the mode of SSL and checks the host.
func (s *Settings) Complete(r *config.Report) {
	s.SSL.CompleteFor(r, s.Host, config.SSLOff)
	if strings.Contains(s.Host, "://") && r.Sound("host") {
		r.Refuse(config.NotAllowed, "host", "write the name of the host alone", "is a URL and not a host name")
	}
}

// identify names the database and schema that the settings point at.
func identify(settings any) string {
	s := settings.(*Settings)
	return fmt.Sprintf("postgresql:%s:%d:%s:%s", strings.ToLower(s.Host), s.Port, s.Database, s.Schema)
}
