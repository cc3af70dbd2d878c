package trainloop

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"
)

// bench/soak/run.sh runs the long form.
var soakSteps = flag.Int("soak.steps", 2000, "optimizer steps of TestSoak")

const soakStepsPerEpoch = 50

// soak measures the memory of a run once per epoch.
type soak struct {
	silent
	t        *testing.T
	resident []float64 // in MB
}

func (s *soak) Stepped(p Position, _, _, _ float64) {
	if p.Step != p.StepsPerEpoch {
		return
	}
	s.resident = append(s.resident, residentMemory(s.t))
}

// residentMemory returns the resident memory of the process in MB.
func residentMemory(t *testing.T) float64 {
	t.Helper()
	debug.FreeOSMemory() // memory that waits for garbage collection is no leak
	var pages, resident int64
	data, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(data), &pages, &resident)
	}
	if err != nil {
		t.Fatal(err)
	}
	return float64(resident) * float64(os.Getpagesize()) / 1e6
}

// middle returns the median.
func middle(list []float64) float64 {
	return stat.Quantile(0.5, stat.Empirical, slices.Sorted(slices.Values(list)), nil)
}

// envSoak marks the process in which TestSoak trains.
const envSoak = "SOAK_PROCESS"

// TestSoak trains in a process of its own, whose allocator gives memory back at once. Otherwise it
// keeps tens of MB that come and go.
func TestSoak(t *testing.T) {
	if os.Getenv(envSoak) != "" {
		trainLong(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run=^TestSoak$", fmt.Sprintf("-soak.steps=%d", *soakSteps))
	cmd.Env = append(os.Environ(), envSoak+"=1", "MALLOC_ARENA_MAX=1", "MALLOC_TRIM_THRESHOLD_=65536", "MALLOC_MMAP_THRESHOLD_=65536")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// trainLong trains many steps, with an evaluation and a snapshot after every fifty. After
// the first quarter, the memory must not grow, and after the run, or its interruption, no
// goroutine may be left.
func trainLong(t *testing.T) {
	epochs := max(*soakSteps/soakStepsPerEpoch, 8)
	o := small(t, fmt.Sprintf("train.epochs=%d", epochs), "data.train=400", "train.batch_size=8", "model.widths=[4]",
		"schedule.kind=constant", "schedule.warmup_epochs=0", "augment.recipe=strong")
	before := runtime.NumGoroutine()
	s := &soak{t: t}
	o.Observer = s
	begun := time.Now()
	if got := mustRun(t, o); got.Steps != epochs*soakStepsPerEpoch {
		t.Errorf("%d steps, want %d", got.Steps, epochs*soakStepsPerEpoch)
	}
	quarter := len(s.resident) / 4
	early, late := middle(s.resident[2*quarter:3*quarter]), middle(s.resident[3*quarter:])
	t.Logf("%d steps in %.0f s: resident %.1f MB in the third quarter, %.1f MB in the last (medians)",
		epochs*soakStepsPerEpoch, time.Since(begun).Seconds(), early, late)
	// A step that did not free its batch, 24 kB, would add 12 MB in the short form. In the long
	// form, 1 kB per step are too much.
	if late-early > 5 {
		t.Errorf("the memory grew by %.1f MB, from %.1f", late-early, early)
	}

	cut := o
	cut.Dir += "-cut"
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cut.Observer = &stopAt{left: 60, stop: stop}
	if _, err := Run(ctx, cut); err == nil {
		t.Error("the run was not interrupted")
	}
	stop()
	for range 100 { // a goroutine may still be returning
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		stacks := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
	}
}
