//go:build unix && !linux

package pgserver

import "syscall"

// dieWithUs does nothing: only Linux can end a child with its parent. A killed
// process leaves its servers behind here.
func dieWithUs(*syscall.SysProcAttr, syscall.Signal) {}
