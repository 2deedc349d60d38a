package pgserver

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc: USER_HZ is 100 wherever Go runs.
const tick = 10 * time.Millisecond

// usage is the processor time of one process, in ticks: its own and that of
// the children it has reaped.
type usage struct{ user, system, reapedUser, reapedSystem int64 }

// treeTime is the time of a process, its reaped and its living children. A
// child that is reaped between the two readings would be missed or counted
// twice, so they are repeated until no child was.
func treeTime(pid int) (user, system time.Duration) {
	for range 5 {
		before := readUsage(pid)
		total := before
		for _, child := range children(pid) {
			u := readUsage(child)
			total.user += u.user
			total.system += u.system
		}
		user = time.Duration(total.user+total.reapedUser) * tick
		system = time.Duration(total.system+total.reapedSystem) * tick
		after := readUsage(pid)
		if after.reapedUser == before.reapedUser && after.reapedSystem == before.reapedSystem {
			break
		}
	}
	return user, system
}

// readUsage reads /proc/<pid>/stat; a process that is gone has used nothing.
func readUsage(pid int) usage {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}
	}
	// The second field is the name of the program in parentheses and may hold
	// anything, spaces too. utime is field 14 of the manual page.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const utime = 14 - 3
	if len(fields) < utime+4 {
		return usage{}
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		return n
	}
	return usage{number(utime), number(utime + 1), number(utime + 2), number(utime + 3)}
}

// children are the living children of a process with a single thread, as the
// postmaster is.
func children(pid int) []int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var pids []int
	for field := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}
