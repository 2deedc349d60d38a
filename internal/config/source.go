package config

import (
	"strings"
	"time"
)

// Source is the database that is read.
type Source struct {
	Type       SourceType `yaml:"type" title:"Source Type" required:"true" enum:"azure_postgresql,postgresql" doc:"Azure Database for PostgreSQL, or any other PostgreSQL."`
	ServerType string     `yaml:"server_type" title:"Server Type" enum:"flexible,single" otherwise:"flexible" doc:"The Azure deployment. Only for type azure_postgresql."`
	Host       string     `yaml:"host" title:"Database Host" required:"true" aka:"hostname,server,address,url" example:"shop.postgres.database.azure.com" doc:"IP address or DNS name, without http://; for type postgresql also the directory of a Unix socket."`
	Port       int        `yaml:"port" title:"Database Port" default:"5432" min:"1" max:"65535" doc:"The port of the server."`
	User       string     `yaml:"user" title:"Database User" required:"true" aka:"username,login" example:"replicator" doc:"The user to log in as; it needs to read only."`
	Password   Secret     `yaml:"password" title:"Database Password" aka:"pass,pwd" example:"${SHOP_PASSWORD}" otherwise:"mandatory with auth: password" doc:"The user's password."`
	Auth       Auth       `yaml:"auth" title:"Authentication" default:"password" enum:"password" later:"entra" doc:"How to log in: with the password, or with a token of Azure Entra ID."`
	Database   string     `yaml:"database" title:"Database Name" required:"true" aka:"db,dbname" example:"shop" doc:"The database to replicate. It must exist."`
	Schema     string     `yaml:"schema" title:"Schema Name" otherwise:"public" doc:"Only for ingestion modes table and custom_sql; the others see every schema."`
	SSL        SSL        `yaml:"ssl" title:"Use SSL" aka:"tls" doc:"Encryption of the connection."`
	SSH        *SSH       `yaml:"ssh" title:"Connect through SSH" later:"*" doc:"A host to connect through."`

	IngestionMode      IngestionMode `yaml:"ingestion_mode" title:"Ingestion Mode" default:"logical_replication" enum:"logical_replication" later:"table,custom_sql,xmin" aka:"mode" doc:"How changes are found: by logical replication, or by queries."`
	LoadHistoricalData bool          `yaml:"load_historical_data" title:"Load Historical Data" default:"true" aka:"snapshot,historical" doc:"Whether rows that exist already are loaded too. Without, only changes made after the pipeline was created are."`
	MergeTables        bool          `yaml:"merge_tables" title:"Merge Tables" default:"false" later:"true" doc:"Whether same-named tables of several databases share one table in the destination."`
	IncludeNewTables   bool          `yaml:"include_new_tables" title:"Include New Tables" default:"true" doc:"Whether tables created later are replicated without being named."`
	Publication        Publication   `yaml:"publication" title:"Publication" doc:"The publications to read: managed by Trunkline, or the names of those an administrator made, which are never changed."`
	Slot               string        `yaml:"slot" title:"Replication Slot" max:"63" aka:"slot_name,replication_slot" otherwise:"made from the pipeline's name" doc:"The name of the replication slot that Trunkline makes and keeps."`
	Parallel           int           `yaml:"parallel" title:"Parallel Connections" default:"0" min:"0" max:"64" aka:"workers,connections" doc:"Connections that copy tables at the same time. 0 chooses by the server and this machine."`
	MaxRetainedWAL     Size          `yaml:"max_retained_wal" title:"Retained WAL" default:"1GiB" min:"1MiB" doc:"How much WAL the slot may keep back on the server before this is reported."`
	Heartbeat          time.Duration `yaml:"heartbeat" title:"Heartbeat" default:"30s" min:"1s" max:"1h" off:"true" doc:"How often a message is written to the WAL, so that an idle database does not keep WAL back. 0 or off: never."`
}

// SourceType is the kind of server.
type SourceType string

// The source types.
const (
	AzurePostgreSQL SourceType = "azure_postgresql"
	PostgreSQL      SourceType = "postgresql"
)

// Auth is how to log in.
type Auth string

// AuthPassword is the only way to log in so far.
const AuthPassword Auth = "password"

// IngestionMode is how changes are found.
type IngestionMode string

// The ingestion modes.
const (
	LogicalReplication IngestionMode = "logical_replication"
	TableMode          IngestionMode = "table"
	CustomSQL          IngestionMode = "custom_sql"
	XMIN               IngestionMode = "xmin"
)

// SSL is the encryption of a connection. The files are read when connecting.
type SSL struct {
	Mode                  SSLMode `yaml:"mode,scalar" title:"SSL Mode" enum:"off,require,verify-ca,verify-full" aka:"sslmode,ssl_mode" otherwise:"verify-full for azure_postgresql, off for postgresql" doc:"off; require encrypts without checking who answers; verify-ca checks the server's certificate, verify-full its name as well."`
	CAFile                string  `yaml:"ca_file" title:"CA File" path:"true" aka:"sslrootcert,ca" otherwise:"the roots of the system" doc:"Certificates (PEM) of the authorities to trust."`
	LoadAllCACertificates bool    `yaml:"load_all_ca_certificates" title:"Load all CA Certificates" doc:"Whether up to 50 certificates of the CA file count, and not only the first."`
	ClientCertificate     string  `yaml:"client_certificate" title:"Client Certificate" path:"true" aka:"sslcert,cert" doc:"The client's certificate (PEM), if the server wants one."`
	ClientKey             string  `yaml:"client_key" title:"Client Key" path:"true" aka:"sslkey" doc:"The private key (PEM) of the client's certificate: RSA, ECDSA or Ed25519."`
}

// SSLMode is how much of the server's identity is checked.
type SSLMode string

// The SSL modes.
const (
	SSLOff        SSLMode = "off"
	SSLRequire    SSLMode = "require"
	SSLVerifyCA   SSLMode = "verify-ca"
	SSLVerifyFull SSLMode = "verify-full"
)

// SSH is a host to connect through.
type SSH struct {
	Host       string `yaml:"host" title:"SSH Host" required:"true" doc:"IP address or DNS name of the SSH server."`
	Port       int    `yaml:"port" title:"SSH Port" default:"22" min:"1" max:"65535" doc:"Its port."`
	User       string `yaml:"user" title:"SSH User" required:"true" doc:"The user to log in as."`
	PrivateKey string `yaml:"private_key" title:"Private Key" path:"true" doc:"The private key: RSA, ECDSA or Ed25519."`
	Passphrase Secret `yaml:"passphrase" title:"Passphrase" doc:"The passphrase of the private key."`
	Password   Secret `yaml:"password" title:"SSH Password" doc:"A password in place of a key."`
	KnownHosts string `yaml:"known_hosts" title:"Known Hosts" path:"true" doc:"A file in the format of OpenSSH with the server's key."`
}

// Publication says which publications are read and whose they are.
type Publication struct {
	Mode  PublicationMode `yaml:",scalar" title:"Publication" default:"managed" enum:"managed" later:"none"`
	Names []string        `yaml:",list" title:"Publications" min:"1"`
}

// PublicationMode is who makes the publication.
type PublicationMode string

// The publication modes. A list of names in the file is PublicationGiven.
const (
	PublicationManaged PublicationMode = "managed"
	PublicationGiven   PublicationMode = "given"
	PublicationNone    PublicationMode = "none"
)

// Complete fills in what depends on the type of source and on the host.
func (s *Source) Complete(r *Report) {
	if s.Password == "" && s.Auth == AuthPassword && r.Sound("password") && r.Sound("auth") {
		s.missingPassword(r)
	}
	if r.Given("host") && r.Sound("host") && r.Sound("type") {
		s.checkHost(r)
	}
	s.completeServerType(r)
	s.completeSSL(r)
	s.checkSchema(r)
	s.checkSlot(r)
	s.Publication.complete(r)
}

func (s *Source) missingPassword(r *Report) {
	const action = "add password: ${SHOP_PASSWORD} and export the variable, or password: file:PATH"
	switch {
	case r.Refers("password"):
		r.Refuse(Missing, "password", "give the variable or the file a value", "%s is empty", r.Shown("password"))
	case r.Stands("password"):
		r.Refuse(Missing, "password", action, "is empty")
	default:
		r.Refuse(Missing, "password", action, `"password" is missing`)
	}
}

func (s *Source) completeServerType(r *Report) {
	switch {
	case s.Type == AzurePostgreSQL && s.ServerType == "" && r.Sound("server_type"):
		s.ServerType = "flexible"
	case s.Type == PostgreSQL && r.Given("server_type"):
		r.Refuse(Conflict, "server_type", "take it out, or write type: azure_postgresql",
			"server_type is only for type azure_postgresql")
	}
}

func (s *Source) checkSchema(r *Report) {
	if !r.Given("schema") || !r.Sound("ingestion_mode") {
		return
	}
	if s.IngestionMode == LogicalReplication || s.IngestionMode == XMIN {
		pattern := "NAME.*"
		if r.Sound("schema") && !r.Refers("schema") {
			pattern = quoteIdentifier(s.Schema) + ".*"
		}
		r.Refuse(Conflict, "schema", "take it out and choose with object patterns: objects: [{ name: '"+pattern+"' }]",
			"ingestion mode %s sees all schemas", s.IngestionMode)
	}
}

// checkSlot keeps to PostgreSQL's rule for slot names.
func (s *Source) checkSlot(r *Report) {
	if s.Slot != "" && r.Sound("slot") && strings.Trim(s.Slot, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		r.Refuse(NotAllowed, "slot", "write 1 to 63 of a to z, 0 to 9 and _",
			"%s is no name that PostgreSQL takes for a slot", r.Shown("slot"))
	}
}

func (p *Publication) complete(r *Report) {
	if p.Names == nil {
		return
	}
	p.Mode = PublicationGiven
	r.refuseTwice("publication", p.Names, "")
}
