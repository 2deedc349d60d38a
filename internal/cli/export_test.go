package cli

import "flag"

// Update says that golden files and pages are to be written anew.
var Update = flag.Bool("update", false, "write the golden files and the pages of docs/reference anew")
