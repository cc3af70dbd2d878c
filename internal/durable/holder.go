package durable

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Holder says which process holds a lock.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
	// Machine identifies the host, because several may have the same name. Boot
	// identifies its last start. Namespace is the PID namespace: containers number
	// their processes separately. Began is when the process started, in clock ticks
	// since the boot. They are empty where they are not known, as on systems other
	// than Linux.
	Machine   string `json:"machine,omitempty"`
	Boot      string `json:"boot,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Began     string `json:"began,omitempty"`
}

// Life says whether a process still runs, as far as this process can know.
type Life int

// The values of [Life].
const (
	// Unknown is for a process on another host, or in another container.
	Unknown Life = iota
	// Alive is for a process that runs on this host.
	Alive
	// Gone is for a process that has ended, also because its host was restarted.
	Gone
)

// Life reports whether the holder still runs. A later process with the same number is
// not mistaken for it.
func (h Holder) Life() Life {
	here := identity(os.Getpid())
	switch {
	case h.PID == 0:
		return Gone
	case h.Host != here.Host || h.Boot == "" || here.Boot == "":
		return Unknown
	case h.Boot != here.Boot && h.Machine != "" && h.Machine == here.Machine:
		return Gone
	case h.Boot != here.Boot:
		return Unknown
	case h.Namespace != here.Namespace:
		return Unknown
	}
	if now := identity(h.PID); now.Began == "" || now.Began != h.Began {
		return Gone
	}
	return Alive
}

// String names the process in messages.
func (h Holder) String() string {
	if h.PID == 0 {
		return "another process"
	}
	return fmt.Sprintf("process %d on %s", h.PID, h.Host)
}

// identity describes the process with this number on this host. Since is left empty.
func identity(pid int) Holder {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	h := Holder{PID: pid, Host: host}
	h.Machine, h.Boot, h.Namespace, h.Began = processIdentity(pid)
	return h
}

// HolderOf returns the process that holds the lock of dir, without touching the lock.
// The result is zero if nobody holds it. It may be a process that was killed: see
// [Holder.Life].
func HolderOf(dir string) (Holder, error) {
	if _, h, err := generation(dir); err != nil || h.PID != 0 {
		return h, err
	}
	file, err := OpenPlain(filepath.Join(dir, lockName))
	if errors.Is(err, os.ErrNotExist) {
		return Holder{}, nil
	}
	if err != nil {
		return Holder{}, err
	}
	defer file.Close()
	return readHolder(file), nil
}

// readHolder reads from a lock's file who holds the lock. The result is zero if the
// file does not say.
func readHolder(file io.Reader) Holder {
	const limit = 4096
	var holder Holder
	data, err := io.ReadAll(io.LimitReader(file, limit))
	if err != nil || json.Unmarshal(data, &holder) != nil {
		return Holder{}
	}
	return holder
}

// describeHolder returns the content of this process's lock files.
func describeHolder() ([]byte, error) {
	h := identity(os.Getpid())
	h.Since = time.Now()
	return json.Marshal(h)
}

// writeHolder overwrites the file of a lock with a description of this process.
func writeHolder(file *os.File) error {
	data, err := describeHolder()
	if err != nil {
		return err
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err = file.WriteAt(data, 0)
	return err
}
