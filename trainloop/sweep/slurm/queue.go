package slurm

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
)

// columns are the columns of squeue that are read, and their widths. squeue cuts off longer
// values.
var columns = []struct {
	name  string
	width int
}{{"ArrayJobID", 20}, {"ArrayTaskID", 12}, {"State", 20}, {"RestartCnt", 12}, {"NodeList", 64}, {"Reason", 60}}

// task is a line of squeue's output.
type task struct {
	job                 string
	index, restarts     int
	state, node, reason string
}

// Alive asks squeue which cells of the sweep in root run or wait.
func (*Launcher) Alive(ctx context.Context, root string) ([]sweep.Alive, error) {
	jobs, err := sweep.ReadJobs(root, Name)
	if err != nil || len(jobs) == 0 {
		return nil, err
	}
	queue, err := ask(ctx, jobs)
	if err != nil {
		return nil, err
	}
	cells := map[string]rundir.Key{}
	for _, j := range jobs {
		for _, t := range j.Tasks {
			cells[taskID(j.ID, t.Index)] = t.Key
		}
	}
	var alive []sweep.Alive
	for _, t := range queue {
		id := taskID(t.job, t.index)
		cell, ours := cells[id]
		if !ours {
			continue
		}
		a := sweep.Alive{Key: cell, Job: id, Restarts: t.restarts, Reason: t.reason}
		if t.state != "PENDING" {
			a.Running, a.Node, a.Reason = true, t.node, ""
		}
		alive = append(alive, a)
	}
	return alive, nil
}

func taskID(job string, index int) string { return fmt.Sprintf("%s_%d", job, index) }

// ask returns the tasks of the jobs that wait, run or are about to end.
func ask(ctx context.Context, jobs []sweep.Job) ([]task, error) {
	var ids, format []string
	for _, j := range jobs {
		ids = append(ids, j.ID)
	}
	for _, c := range columns {
		format = append(format, fmt.Sprintf("%s:%d", c.name, c.width))
	}
	out, err := command(ctx, "squeue", "--noheader", "--array", "--jobs="+strings.Join(ids, ","), "--Format="+strings.Join(format, ","))
	if failed := (*CommandError)(nil); errors.As(err, &failed) && strings.Contains(failed.Message, "Invalid job id") {
		return nil, nil // there was only one job, and Slurm has forgotten it
	}
	if err != nil {
		return nil, err
	}
	return parse(out)
}

// parse parses the output of squeue. It skips lines without a task number, which are not of
// arrays.
func parse(out string) ([]task, error) {
	var tasks []task
	for line := range strings.Lines(out) {
		fields := split(strings.TrimRight(line, "\n"))
		if _, err := strconv.Atoi(fields[1]); err != nil {
			continue
		}
		t := task{job: fields[0], state: fields[2], node: fields[4], reason: fields[5]}
		var err error
		if t.index, err = strconv.Atoi(fields[1]); err == nil {
			t.restarts, err = strconv.Atoi(fields[3])
		}
		if err != nil {
			return nil, fmt.Errorf("squeue: unexpected line %q", line)
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// split splits a line into its columns.
func split(line string) []string {
	fields := make([]string, len(columns))
	for i, c := range columns {
		width := min(c.width, len(line))
		fields[i] = strings.TrimSpace(line[:width])
		line = line[width:]
	}
	return fields
}
