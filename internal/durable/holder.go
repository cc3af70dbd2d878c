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
	// Machine identifies the host, of which several may have one name, and Boot its
	// start. Namespace is the numbering of processes, which containers have of their
	// own. Began is when the process started, in clock ticks since the boot. They are
	// empty where the system does not tell, as outside of Linux.
	Machine   string `json:"machine,omitempty"`
	Boot      string `json:"boot,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Began     string `json:"began,omitempty"`
}

// Life is what can be known of a process from here.
type Life int

// What can be known of a process.
const (
	// Unknown is the life of a process on another host, or in another container.
	Unknown Life = iota
	// Alive is that of a process that runs on this host.
	Alive
	// Gone is that of a process which has ended, also by a restart of its host.
	Gone
)

// Life tells whether the holder still runs. A process that has taken over the
// number of an earlier one is not mistaken for it.
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

// identity is the process with the number on this host.
func identity(pid int) Holder {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	h := Holder{PID: pid, Host: host}
	h.Machine, h.Boot, h.Namespace, h.Began = processIdentity(pid)
	return h
}

// HolderOf tells who holds the lock of dir, without touching the lock. It is zero
// if nobody does. A process that was killed is still named: [Holder.Life] tells.
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

// readHolder reads who holds the lock; it is zero if the file does not say.
func readHolder(file io.Reader) Holder {
	const limit = 4096
	var holder Holder
	data, err := io.ReadAll(io.LimitReader(file, limit))
	if err != nil || json.Unmarshal(data, &holder) != nil {
		return Holder{}
	}
	return holder
}

// describeHolder is this process, as lock files have it.
func describeHolder() ([]byte, error) {
	h := identity(os.Getpid())
	h.Since = time.Now()
	return json.Marshal(h)
}

// writeHolder replaces what a previous holder wrote by this process.
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
