// Command trunkline replicates PostgreSQL into a destination of the user's
// choice.
package main

import (
	"os"

	"trunkline/internal/cli"
)

func main() { os.Exit(cli.Run(os.Args[1:], os.Stdout, os.Stderr)) }
