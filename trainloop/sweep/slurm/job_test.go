package slurm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/trainloop/sweep"
)

// job runs the job script of a sweep of one cell. Shell code takes the place of the program
// and of squeue. It returns the exit status, the calls of these, and the cell's directory.
func job(t *testing.T, program, squeue string) (status int, calls, dir string) {
	t.Helper()
	bin := commands(t, map[string]string{
		"scontrol": `[ "$1" = show ] && echo "MaxArraySize = 10" || true`, "sbatch": answers, "squeue": squeue,
	})
	root := t.TempDir()
	p := plan(t, root, 16)
	dir = p.Cells[0].Dir
	l := launcher(t)
	library := filepath.Join(bin, "library")
	text := "#!/bin/sh\ndir=" + dir + "\ncase \"$*\" in *--give-up*) echo \"give up: $*\" >>" + bin + "/calls; echo '{}' >$dir/failure.json; exit 1;; esac\n" + program
	if err := os.WriteFile(l.Program, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(library, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.Library = library
	if _, err := l.Submit(t.Context(), p, p.Cells); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", filepath.Join(sweep.Folder(root, Name), jobScript), "0")
	cmd.Env = append(os.Environ(), "SLURM_ARRAY_TASK_ID=0", "SLURM_ARRAY_JOB_ID=7", "SLURM_JOB_ID=9", "SLURM_RESTART_COUNT=1")
	if out, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState == nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return cmd.ProcessState.ExitCode(), read(t, filepath.Join(bin, "calls")), dir
}

// TestJob checks what the job does for each way in which a cell's process can end.
func TestJob(t *testing.T) {
	const saves = "mkdir -p $dir/checkpoints/step-00000004\n"
	const running, cancelled, again = `echo "RUNNING 1"`, `echo "CANCELLED 1"`, `echo "RUNNING 2"`
	for _, c := range []struct {
		name, program, squeue string
		status                int
		requeued              bool
		failed                string
	}{
		{"trains", "exit 0", running, 0, false, ""},
		{"is told to stop and has saved", saves + "exit 130", running, 130, true, ""},
		{"is told to stop and has saved nothing", "exit 130", running, 1, false, "it was stopped before it saved anything new"},
		{"is cancelled", saves + "exit 130", cancelled, 130, false, ""},
		{"has been started elsewhere", saves + "exit 130", again, 130, false, ""},
		{"finds another process", "exit 4", running, 130, true, ""},
		{"has wrong settings", "exit 2", running, 1, false, "ended with status 2"},
		{"is killed", "kill -9 $$", running, 1, false, "ended by signal 9: out of memory"},
		// The signal before the time limit reaches only the shell.
		{"gets the signal", "trap '" + "mkdir -p $dir/checkpoints/step-00000008; exit 130' TERM\nkill -TERM $PPID\nwhile :; do sleep 0.1; done", running, 130, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, calls, dir := job(t, c.program, c.squeue)
			if status != c.status || strings.Contains(calls, "scontrol requeue 7_0\n") != c.requeued {
				t.Errorf("status %d, want %d; calls\n%s", status, c.status, calls)
			}
			if strings.Contains(calls, "squeue") && !strings.Contains(calls, "squeue --noheader --jobs=7_0 ") {
				t.Errorf("it asks for other jobs:\n%s", calls)
			}
			_, err := os.Stat(filepath.Join(dir, "failure.json"))
			if (err == nil) != (c.failed != "") || !strings.Contains(calls, c.failed) {
				t.Errorf("failure.json: error %v; calls\n%s", err, calls)
			}
		})
	}
}
