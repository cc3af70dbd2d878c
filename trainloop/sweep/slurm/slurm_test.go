package slurm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
)

func flag(c rundir.Key) string { return fmt.Sprintf("%s:%d:%d", c.Condition, c.BatchSize, c.Seed) }

// plan returns a sweep of these batch sizes under one condition.
func plan(t *testing.T, root string, batchSizes ...int) *sweep.Plan {
	t.Helper()
	e := configs.Default()
	e.Name = "grid"
	e.Sweep.Conditions, e.Sweep.BatchSizes, e.Sweep.Seeds = []string{"none"}, batchSizes, []uint64{1}
	p, err := sweep.New(e, root)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// commands replaces Slurm's commands by shell scripts, which are the only ones on the path.
// They append their calls to the file calls in the folder that is returned.
func commands(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		text := "#!/bin/sh\necho \"" + name + " $*\" >>" + dir + "/calls\n" + script + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	return dir
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func launcher(t *testing.T) *Launcher {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("the program"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &Launcher{Options{Program: program, Library: "/lib/ort.so", CellFlag: flag, Threads: 2, Memory: 300<<20 + 1, AtOnce: 5}}
}

const answers = `case "$*" in *report.sh*) echo 8;; *) echo 7;; esac`

// TestSubmit checks that the cells are cut into arrays at MaxArraySize and throttled, that
// the report follows all of them, and that a cell keeps its line when others are submitted
// later.
func TestSubmit(t *testing.T) {
	dir := commands(t, map[string]string{"scontrol": `echo "MaxArraySize            = 3"`, "sbatch": answers, "squeue": `[ -z "$RECORDED" ] || printf '%s' "$RECORDED"`})
	root := t.TempDir()
	p := plan(t, root, 16, 32, 64, 128, 256)
	l := launcher(t)
	jobs, err := l.Submit(t.Context(), p, []sweep.Cell{p.Cells[0], p.Cells[2], p.Cells[3], p.Cells[4]})
	if err != nil {
		t.Fatal(err)
	}
	if len(jobs) != 3 || len(jobs[0].Tasks) != 3 || !jobs[2].IsReport() || jobs[2].ID != "8" {
		t.Errorf("jobs %+v", jobs)
	}
	folder := sweep.Folder(root, Name)
	want := "scontrol show config\n" +
		"sbatch --parsable --array=0-2%5 " + folder + "/job.sh 0\n" +
		"sbatch --parsable --array=0%5 " + folder + "/job.sh 3\n" +
		"sbatch --parsable --dependency=afterany:7:7 " + folder + "/report.sh\n"
	if got := read(t, filepath.Join(dir, "calls")); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if kept, err := sweep.ReadJobs(root, Name); err != nil || !reflect.DeepEqual(kept, jobs) {
		t.Errorf("kept %+v, error %v, want %+v", kept, err, jobs)
	}
	if text := read(t, l.Program); text != "the program" || filepath.Dir(filepath.Dir(l.Program)) != folder || filepath.Base(l.Program) != "pipeline" {
		t.Errorf("the program is %q in %s", text, l.Program)
	}

	t.Setenv("RECORDED", strings.ReplaceAll(recorded, "7                   0 ", "6                   0 "))
	again, err := l.Submit(t.Context(), p, []sweep.Cell{p.Cells[1], p.Cells[4]})
	if err != nil {
		t.Fatal(err)
	}
	wantTasks := []sweep.Task{{Index: 0, Key: p.Cells[4].Key}, {Index: 1, Key: p.Cells[1].Key}}
	if len(again) != 2 || !reflect.DeepEqual(again[0].Tasks, wantTasks) {
		t.Errorf("submitted again %+v", again)
	}
	if calls := read(t, filepath.Join(dir, "calls")); !strings.HasSuffix(calls, "--dependency=afterany:7:7 "+folder+"/report.sh\n") {
		t.Errorf("the report does not wait for what was submitted before:\n%s", calls)
	}
	lines := ""
	for _, i := range []int{0, 2, 3, 4, 1} {
		lines += flag(p.Cells[i].Key) + "\t" + p.Cells[i].Dir + "\n"
	}
	if got := read(t, filepath.Join(folder, "cells")); got != lines {
		t.Errorf("the cells are\n%swant\n%s", got, lines)
	}
}

// TestSubmitFails checks that jobs that were already accepted are cancelled, and that the
// error has Slurm's message.
func TestSubmitFails(t *testing.T) {
	dir := commands(t, map[string]string{
		"scontrol": `echo "MaxArraySize            = 1001"`, "scancel": "",
		"sbatch": `case "$*" in *report.sh*) echo "sbatch: error: Invalid account" >&2; exit 1;; *) echo 7;; esac`,
	})
	p := plan(t, t.TempDir(), 16)
	if _, err := launcher(t).Submit(t.Context(), p, p.Cells); err == nil || err.Error() != "sbatch: error: Invalid account" {
		t.Errorf("error %v", err)
	}
	if calls := read(t, filepath.Join(dir, "calls")); !strings.HasSuffix(calls, "scancel --quiet 7\n") {
		t.Errorf("calls %s", calls)
	}
}

// recorded has lines of Slurm 22.05 with the columns that Alive asks for.
const recorded = "" +
	"7                   2           PENDING             0                                                                           Resources                                                   \n" +
	"7                   1           PENDING             1                                                                           BeginTime                                                   \n" +
	"7                   0           RUNNING             2           n1                                                              None                                                        \n" +
	"8                   N/A         PENDING             0                                                                           Dependency                                                  \n"

// TestAlive checks that waiting cells have a reason and running cells a node, and that
// cells of other jobs and the report are left out.
func TestAlive(t *testing.T) {
	dir := commands(t, map[string]string{"squeue": "cat " + filepath.Join(t.TempDir(), "missing") + " 2>/dev/null; printf '%s' \"$RECORDED\""})
	t.Setenv("RECORDED", recorded)
	root := t.TempDir()
	p := plan(t, root, 16, 32)
	l := &Launcher{}
	if alive, err := l.Alive(t.Context(), root); err != nil || alive != nil {
		t.Errorf("before anything was submitted: alive %v, error %v", alive, err)
	}
	job := sweep.Job{ID: "7", Tasks: []sweep.Task{{Index: 0, Key: p.Cells[0].Key}, {Index: 1, Key: p.Cells[1].Key}}}
	if err := os.MkdirAll(sweep.Folder(root, Name), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, j := range []sweep.Job{job, {ID: "8"}} {
		if err := sweep.AddJob(root, Name, j); err != nil {
			t.Fatal(err)
		}
	}
	alive, err := l.Alive(t.Context(), root)
	want := []sweep.Alive{
		{Key: p.Cells[1].Key, Job: "7_1", Restarts: 1, Reason: "BeginTime"},
		{Key: p.Cells[0].Key, Job: "7_0", Restarts: 2, Running: true, Node: "n1"},
	}
	if err != nil || !reflect.DeepEqual(alive, want) {
		t.Errorf("alive %+v, error %v, want %+v", alive, err, want)
	}
	if calls := read(t, filepath.Join(dir, "calls")); !strings.Contains(calls, "--jobs=7,8 ") {
		t.Errorf("calls %s", calls)
	}
}

// TestForgotten checks that jobs that Slurm has forgotten are not alive, and that other
// errors are returned.
func TestForgotten(t *testing.T) {
	root := t.TempDir()
	p := plan(t, root, 16)
	if err := os.MkdirAll(sweep.Folder(root, Name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := sweep.AddJob(root, Name, sweep.Job{ID: "7", Tasks: []sweep.Task{{Key: p.Cells[0].Key}}}); err != nil {
		t.Fatal(err)
	}
	commands(t, map[string]string{"squeue": `echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1`})
	if alive, err := (&Launcher{}).Alive(t.Context(), root); err != nil || alive != nil {
		t.Errorf("alive %v, error %v", alive, err)
	}
	commands(t, map[string]string{"squeue": `echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1`})
	if _, err := (&Launcher{}).Alive(t.Context(), root); err == nil || !strings.Contains(err.Error(), "squeue: slurm_load_jobs error: Unable to contact slurm controller") {
		t.Errorf("error %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := (&Launcher{}).Alive(t.Context(), root); err == nil || !strings.Contains(err.Error(), "squeue: there is no such command on this host") {
		t.Errorf("error %v", err)
	}
}

// TestScript checks that the shell accepts the script, and that paths with any characters
// arrive unchanged.
func TestScript(t *testing.T) {
	l := launcher(t)
	l.GPU, l.From, l.More = true, "/data/it's here/from", []string{"--partition=long", "--comment=two words"}
	root := filepath.Join(t.TempDir(), `a "sweep" of 100% it's`)
	p := plan(t, root, 16)
	script, err := l.Script(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"#SBATCH --cpus-per-task=2", "#SBATCH --mem=301M", "#SBATCH --gres=gpu:1", "#SBATCH --partition=long", `#SBATCH "--comment=two words"`,
		"#SBATCH --requeue", "#SBATCH --signal=B:TERM@120", "#SBATCH --open-mode=append",
		`#SBATCH "--output=` + strings.ReplaceAll(strings.ReplaceAll(root, `"`, `\"`), "%", "%%") + `/slurm/%A_%a.log"`,
		"export ONNXLAB_ORT_LIBRARY='/lib/ort.so'",
	} {
		if !strings.Contains(script, line+"\n") {
			t.Errorf("there is no line %q in\n%s", line, script)
		}
	}
	cmd := exec.Command("bash", "-n")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	assignment := script[strings.Index(script, "sweep='"):]
	out, err := exec.Command("bash", "-c", assignment[:strings.Index(assignment, "\n")]+"\nprintf %s \"$sweep\"").Output()
	if err != nil || string(out) != root {
		t.Errorf("the shell reads %q, error %v, want %q", out, err, root)
	}
}

// TestIndices checks that consecutive numbers are written as a range.
func TestIndices(t *testing.T) {
	for want, numbers := range map[string][]int{"0": {0}, "0-2": {0, 1, 2}, "0-1,3,5-6": {0, 1, 3, 5, 6}} {
		var a array
		for _, n := range numbers {
			a.tasks = append(a.tasks, sweep.Task{Index: n})
		}
		if got := a.indices(); got != want {
			t.Errorf("%v: %s, want %s", numbers, got, want)
		}
	}
}
