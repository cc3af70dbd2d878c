package local

import (
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"testing"
	"time"

	"onnxlab/configs"
	"onnxlab/internal/durable"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
)

// envCell makes the test binary act as the process of a cell. Its arguments are what to do,
// the run directory, and whatever else that needs.
const envCell = "SWEEP_TEST_CELL"

func TestMain(m *testing.M) {
	if os.Getenv(envCell) != "" {
		os.Exit(beCell(os.Args[1], os.Args[2], os.Args[3:]...))
	}
	os.Exit(m.Run())
}

// beCell acts as a cell's process that does what it is told, and returns its exit status.
func beCell(what, dir string, more ...string) int {
	if what == "own" {
		if err := trainOwn(more[0], more[1]); err != nil {
			os.Stderr.WriteString("pipeline: " + err.Error() + "\n")
			return 1
		}
		return 0
	}
	unlock, err := durable.Lock(dir)
	if err != nil {
		os.Stderr.WriteString("pipeline: " + err.Error() + "\n")
		return sweep.ExitLocked
	}
	defer unlock()
	if what == "fails" {
		os.Stderr.WriteString("epoch 1/2\npipeline: loss is NaN\n")
		return 3
	}
	if what == "fills" {
		fillDisk(filepath.Join(dir, "filler"))
	}
	if what == "stops" || what == "ends" {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, os.Interrupt)
		connection, err := net.Dial("tcp", more[0]) // reports that it runs
		if err != nil {
			panic(err)
		}
		connection.Close()
		<-signals
		os.Stderr.WriteString("state saved\n")
	}
	if what == "stops" {
		return 130
	}
	os.Stderr.WriteString("epoch 2/2\n")
	if err := rundir.WriteSummary(dir, rundir.Summary{Status: rundir.StatusDone}); err != nil {
		panic(err)
	}
	if what == "ends" {
		return 130
	}
	return 0
}

// fillDisk fills the disk with a file for half a second, in which it writes messages.
func fillDisk(path string) {
	filler, err := os.Create(path)
	if err != nil {
		panic(err)
	}
	defer os.Remove(path)
	defer filler.Close()
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	for range 50 {
		os.Stderr.WriteString("epoch 1/2\n")
		time.Sleep(10 * time.Millisecond)
	}
}

// cell returns the command of a cell that does what it is told.
func cell(c sweep.Cell, what string, more ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append([]string{what, c.Dir}, more...)...)
	cmd.Env = append(os.Environ(), envCell+"=1")
	return cmd
}

// grid returns an experiment with this sweep.
func grid(conditions []string, batchSizes []int, seeds ...uint64) configs.Experiment {
	e := configs.Default()
	e.Sweep.Conditions, e.Sweep.BatchSizes, e.Sweep.Seeds = conditions, batchSizes, seeds
	return e
}

// mustPlan plans the experiment's sweep and claims its directory.
func mustPlan(t *testing.T, e configs.Experiment, root string) *sweep.Plan {
	t.Helper()
	p, err := sweep.New(e, root)
	if err != nil {
		t.Fatal(err)
	}
	release, err := p.Claim(true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	})
	return p
}
