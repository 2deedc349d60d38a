package pgserver

import "syscall"

// dieWithUs lets the kernel send the child a signal when the thread that started
// it ends; see process.
func dieWithUs(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
