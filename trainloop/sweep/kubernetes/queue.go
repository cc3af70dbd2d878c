package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"onnxlab/trainloop/sweep"
)

// job and pod have the parts of kubectl's answers that are used.
type (
	job struct {
		Spec struct {
			Suspend bool `json:"suspend"`
		} `json:"spec"`
		Status struct {
			Conditions       []condition `json:"conditions"`
			CompletedIndexes string      `json:"completedIndexes"`
			FailedIndexes    string      `json:"failedIndexes"`
		} `json:"status"`
	}
	pod struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
		Spec struct {
			NodeName string `json:"nodeName"`
		} `json:"spec"`
		Status struct {
			Phase      string      `json:"phase"`
			Conditions []condition `json:"conditions"`
			Containers []struct {
				State struct {
					Waiting *struct {
						Reason string `json:"reason"`
					} `json:"waiting"`
				} `json:"state"`
			} `json:"containerStatuses"`
		} `json:"status"`
	}
	condition struct {
		Type    string `json:"type"`
		Status  string `json:"status"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}
)

// Alive asks kubectl which cells of the sweep in root run or wait.
func (*Launcher) Alive(ctx context.Context, root string) ([]sweep.Alive, error) {
	jobs, err := sweep.ReadJobs(root, Name)
	if err != nil {
		return nil, err
	}
	var alive []sweep.Alive
	for _, j := range jobs {
		now, found, err := find(ctx, j)
		if err != nil {
			return nil, err
		}
		if !found || now.ended() {
			continue
		}
		pods, err := podsOf(ctx, j)
		if err != nil {
			return nil, err
		}
		alive = append(alive, now.alive(j, pods)...)
	}
	return alive, nil
}

// find asks kubectl for the Job.
func find(ctx context.Context, j sweep.Job) (now job, found bool, err error) {
	out, err := kubectl(ctx, j.Namespace, "get", "job", j.ID, "--ignore-not-found", "-o", "json")
	if err != nil || len(out) == 0 {
		return now, false, err
	}
	return now, true, json.Unmarshal(out, &now)
}

func podsOf(ctx context.Context, j sweep.Job) ([]pod, error) {
	out, err := kubectl(ctx, j.Namespace, "get", "pods", "--selector=job-name="+j.ID, "-o", "json")
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []pod `json:"items"`
	}
	return list.Items, json.Unmarshal(out, &list)
}

// ended reports whether the Job is over.
func (j job) ended() bool {
	for _, c := range j.Status.Conditions {
		if (c.Type == "Complete" || c.Type == "Failed") && c.Status == "True" {
			return true
		}
	}
	return false
}

// alive returns the cells of the Job that have not ended.
func (j job) alive(as sweep.Job, pods []pod) []sweep.Alive {
	over := indices(j.Status.CompletedIndexes)
	for i := range indices(j.Status.FailedIndexes) {
		over[i] = true
	}
	var alive []sweep.Alive
	for _, t := range as.Tasks {
		if over[t.Index] {
			continue
		}
		a := sweep.Alive{Key: t.Key, Job: fmt.Sprintf("%s_%d", as.ID, t.Index), Reason: "waits for its turn"}
		if j.Spec.Suspend {
			a.Reason = "the Job is suspended"
		}
		for _, p := range pods {
			if p.Metadata.Annotations["batch.kubernetes.io/job-completion-index"] == strconv.Itoa(t.Index) {
				p.describe(&a)
			}
		}
		alive = append(alive, a)
	}
	return alive
}

// describe adds what the pod says about its cell. A pod that has ended counts as a restart.
func (p pod) describe(a *sweep.Alive) {
	switch p.Status.Phase {
	case "Failed", "Succeeded":
		a.Restarts++
	case "Running":
		a.Running, a.Node, a.Reason = true, p.Spec.NodeName, ""
	default:
		a.Reason = cmp.Or(p.waiting(), "its pod is about to start")
	}
}

// waiting says why the pod does not run yet.
func (p pod) waiting() string {
	for _, c := range p.Status.Containers {
		if c.State.Waiting != nil && c.State.Waiting.Reason != "" {
			return c.State.Waiting.Reason
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Type == "PodScheduled" && c.Status == "False" {
			return strings.TrimSpace(c.Reason + ": " + c.Message)
		}
	}
	return ""
}

// indices parses a list like 0-2,5.
func indices(text string) map[int]bool {
	set := map[int]bool{}
	for _, part := range strings.Split(text, ",") {
		first, last, several := strings.Cut(part, "-")
		a, err := strconv.Atoi(first)
		if err != nil {
			continue
		}
		b := a
		if several {
			if b, err = strconv.Atoi(last); err != nil {
				continue
			}
		}
		for ; a <= b; a++ {
			set[a] = true
		}
	}
	return set
}
