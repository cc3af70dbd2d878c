package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"onnxlab/internal/ownprocess"
)

// TestDiskScripts runs the scripts of testdata/disk, whose commands run on full and
// read-only disks. The disks are small file systems in memory, mounted in a namespace of
// the test, which disappear with it.
func TestDiskScripts(t *testing.T) {
	if !ownprocess.Is(t) {
		if err := ownprocess.Run(t, ownprocess.MayMount); err != nil {
			t.Fatal(err)
		}
		return
	}
	params := scriptParams(t, filepath.Join("testdata", "disk"), nil)
	params.Cmds["mount"] = mount
	params.Cmds["clean"] = clean
	testscript.Run(t, params)
}

// mount makes a folder and mounts memory there, or changes an existing mount:
// mount size=1m FOLDER, mount ro FOLDER, mount rw FOLDER
func mount(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mount size=SIZE|ro|rw FOLDER")
	}
	dir := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(dir, 0o777))
	flags, options := uintptr(0), ""
	switch args[0] {
	case "ro":
		flags = unix.MS_REMOUNT | unix.MS_RDONLY
	case "rw":
		flags = unix.MS_REMOUNT
	default:
		options = args[0]
		ts.Check(ownprocess.HideMounts())
		ts.Defer(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		ts.Fatalf("mount %s at %s: %v", args[0], dir, err)
	}
}

// clean fails if there are temporary files below a folder:
// clean FOLDER
func clean(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: clean FOLDER")
	}
	err := filepath.WalkDir(ts.MkAbs(args[0]), func(path string, _ os.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(path), ".tmp-") {
			ts.Fatalf("%s was left", path)
		}
		return err
	})
	ts.Check(err)
}
