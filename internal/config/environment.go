package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Environment is what references in a file resolve to.
type Environment struct {
	// Lookup returns an environment variable and whether it is set.
	Lookup func(name string) (string, bool)
	// ReadFile returns a secret file. Relative paths are relative to the current
	// directory, like every path in a pipeline file.
	ReadFile func(path string) ([]byte, error)
}

// System is the environment of this process.
func System() Environment {
	return Environment{Lookup: os.LookupEnv, ReadFile: readSecret}
}

// maxSecret is far above any password or key file, and far below what a wrong
// path such as a database dump or /dev/zero would cost.
const maxSecret = 64 << 10

func readSecret(path string) ([]byte, error) { return readFile(path, maxSecret) }

// readFile reads a file of at most so many bytes.
func readFile(path string, most Size) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(data) > int(most) {
		err = fmt.Errorf("it is larger than %s", most)
	}
	return data, err
}

// unresolved is a reference without a value. It tells the cause and the remedy,
// never a value.
type unresolved struct{ cause, action string }

// expand replaces each ${NAME} by the variable's value and $${ by ${. Values are
// taken as they are: what they contain is not expanded again. It reports
// whether there was a reference, and what is wrong with each bad one.
func (e Environment) expand(text string) (value string, refers bool, wrong []unresolved) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		if !found {
			return b.String() + text, refers, wrong
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			b.WriteString(escaped + "${")
			text = after
			continue
		}
		b.WriteString(before)
		refers = true
		name, rest, closed := strings.Cut(after, "}")
		if !closed || !variableName(name) {
			return b.String(), refers, append(wrong, illFormed())
		}
		set, ok := e.Lookup(name)
		if !ok {
			wrong = append(wrong, unset(name))
		}
		b.WriteString(set)
		text = rest
	}
}

func illFormed() unresolved {
	return unresolved{
		`"${" is not followed by the name of an environment variable and "}"`,
		"write ${NAME}, or $${ for a literal ${",
	}
}

func unset(name string) unresolved {
	return unresolved{
		fmt.Sprintf("the environment variable %s is not set", name),
		fmt.Sprintf("export %s before starting, or write $${ for a literal ${", name),
	}
}

func variableName(s string) bool {
	if s == "" || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// secretFile reads a secret, without the line end that editors and echo add.
// written is the path as the file has it, for messages.
func (e Environment) secretFile(path, written string) (string, *unresolved) {
	if strings.HasPrefix(path, "~") {
		return "", &unresolved{homeCause(written), homeAction}
	}
	data, err := e.ReadFile(path)
	if err != nil {
		return "", &unresolved{
			fmt.Sprintf("the secret file %s cannot be read: %s", quote(written), whyUnread(err)),
			"create it or mend its permissions; a relative path starts at the current directory",
		}
	}
	return trimLineEnd(string(data)), nil
}

const homeAction = "write the path in full, or with ${HOME}"

func homeCause(written string) string {
	return fmt.Sprintf("%s begins with ~, which only a shell expands", quote(written))
}

// whyUnread drops the path from an error, which repeats it after expansion.
func whyUnread(err error) string {
	switch inner := (*fs.PathError)(nil); {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.As(err, &inner):
		return inner.Err.Error()
	default:
		return err.Error()
	}
}

func trimLineEnd(s string) string {
	return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")
}
