package kubernetes

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
)

// testdata has the answers of the apiserver of Kubernetes 1.36.3 to "kubectl get -o json"
// while the Job of TestManifest ran there. Fields that identify these objects were removed:
// the names of those who wrote them, identifiers and versions.

func flag(c rundir.Key) string { return fmt.Sprintf("%s:%d:%d", c.Condition, c.BatchSize, c.Seed) }

// plan returns the sweep of six cells that ran.
func plan(t *testing.T, root string) *sweep.Plan {
	t.Helper()
	e := configs.Default()
	e.Name = "six"
	e.Sweep.Conditions, e.Sweep.BatchSizes, e.Sweep.Seeds = []string{"none", "medium", "strong"}, []int{16, 32}, []uint64{1}
	p, err := sweep.New(e, root)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func options(mount string) Options {
	return Options{Image: "onnxlab:1", Claim: "data", Mount: mount, CellFlag: flag, Threads: 1, Memory: 1 << 30, AtOnce: 3}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestManifest checks that the apiserver has accepted every field of the Job as it is
// written.
func TestManifest(t *testing.T) {
	const root, name = "/volume/sweep", "six-1da3fe-1"
	l := &Launcher{options(root)}
	text, err := l.manifest(plan(t, root), name, 6)
	if err != nil {
		t.Fatal(err)
	}
	var ours, accepted any
	if err := yaml.Unmarshal(text, &ours); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(read(t, "testdata/job.json"), &accepted); err != nil {
		t.Fatal(err)
	}
	contains(t, "job", accepted, ours)
}

// contains checks that everything in part is also in whole. Lists must have the same
// length.
func contains(t *testing.T, at string, whole, part any) {
	t.Helper()
	switch p := part.(type) {
	case map[string]any:
		w, ok := whole.(map[string]any)
		if !ok {
			t.Errorf("%s: the apiserver has %v, the manifest %v", at, whole, part)
			return
		}
		for key, value := range p {
			contains(t, at+"."+key, w[key], value)
		}
	case []any:
		w, ok := whole.([]any)
		if !ok || len(w) != len(p) {
			t.Errorf("%s: the apiserver has %v, the manifest %v", at, whole, part)
			return
		}
		for i := range p {
			contains(t, fmt.Sprintf("%s[%d]", at, i), w[i], p[i])
		}
	default:
		got, want := fmt.Sprint(part), fmt.Sprint(whole)
		if got == "1024Mi" {
			got = "1Gi" // the apiserver writes it like this
		}
		if got != want {
			t.Errorf("%s: the apiserver has %v, the manifest %v", at, want, got)
		}
	}
}

// TestOptionalFields checks the fields for a namespace, a GPU and initial parameters, and
// that paths with blanks and quotes stay one word.
func TestOptionalFields(t *testing.T) {
	const root = `/volume/a "sweep" of it's`
	l := &Launcher{options(root)}
	l.Namespace, l.GPU, l.Memory, l.From, l.AtOnce = "lab", true, 0, root+"/from.checkpoint", 0
	text, err := l.manifest(plan(t, root), "x", 6)
	if err != nil {
		t.Fatal(err)
	}
	var job struct {
		Metadata struct{ Namespace string }
		Spec     struct {
			Parallelism int
			Template    struct {
				Spec struct {
					Containers []struct {
						Command   []string
						Resources struct{ Limits, Requests map[string]string }
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &job); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	c := job.Spec.Template.Spec.Containers[0]
	want := []string{"pipeline", "train", "--sweep", root, "--cells", root + "/kubernetes/x.cells", "--resume", "--json", "--take-over", "--from", root + "/from.checkpoint"}
	if job.Metadata.Namespace != "lab" || job.Spec.Parallelism != 6 || !reflect.DeepEqual(c.Command, want) {
		t.Errorf("got %+v", job)
	}
	if !reflect.DeepEqual(c.Resources.Limits, map[string]string{"nvidia.com/gpu": "1"}) || !reflect.DeepEqual(c.Resources.Requests, map[string]string{"cpu": "1"}) {
		t.Errorf("resources %+v", c.Resources)
	}
}

// kubectlIs puts a shell script on the path in place of kubectl. It returns the path of a
// file with the calls.
func kubectlIs(t *testing.T, script string) (calls string) {
	t.Helper()
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	text := "#!/bin/sh\necho \"$*\" >>" + calls + "\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(dir, "kubectl"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	return calls
}

// TestSubmit checks that the Job is applied, and that its list has its cells.
func TestSubmit(t *testing.T) {
	calls := kubectlIs(t, "")
	root := t.TempDir()
	p := plan(t, root)
	l := &Launcher{options(root)}
	l.Apply, l.Namespace = true, "lab"
	for i, want := range []string{"1", "2"} {
		jobs, err := l.Submit(t.Context(), p, p.Cells[2*i:2*i+2])
		if err != nil || len(jobs) != 1 || !strings.HasSuffix(jobs[0].ID, "-"+want) || len(jobs[0].Tasks) != 2 || jobs[0].Tasks[1].Index != 1 {
			t.Fatalf("jobs %+v, error %v", jobs, err)
		}
		base := filepath.Join(root, "kubernetes", jobs[0].ID)
		if got, want := string(read(t, base+".cells")), flag(p.Cells[2*i].Key)+"\t"+p.Cells[2*i].Dir+"\n"+flag(p.Cells[2*i+1].Key)+"\t"+p.Cells[2*i+1].Dir+"\n"; got != want {
			t.Errorf("cells\n%swant\n%s", got, want)
		}
		if got := string(read(t, calls)); !strings.HasSuffix(got, "apply -f "+base+".yaml --namespace=lab\n") {
			t.Errorf("calls %s", got)
		}
	}
	if err := l.Cancel(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	if got := string(read(t, calls)); strings.Count(got, "delete job six-") != 2 {
		t.Errorf("calls %s", got)
	}
}

// TestAlive reads answers of a real apiserver: three cells run, three wait.
func TestAlive(t *testing.T) {
	kubectlAnswers(t, string(read(t, "testdata/job.json")), string(read(t, "testdata/pods.json")))
	root := t.TempDir()
	p := plan(t, root)
	submitted(t, root, p)
	alive, err := (&Launcher{}).Alive(t.Context(), root)
	if err != nil || len(alive) != 6 {
		t.Fatalf("alive %+v, error %v", alive, err)
	}
	for i, a := range alive {
		want := sweep.Alive{Key: p.Cells[i].Key, Job: fmt.Sprintf("six-1da3fe-1_%d", i), Reason: "waits for its turn"}
		if i < 3 {
			want.Running, want.Node, want.Reason = true, "n1", ""
		}
		if a != want {
			t.Errorf("got %+v, want %+v", a, want)
		}
	}
}

// kubectlAnswers puts a script on the path in place of kubectl that knows one Job and its
// pods.
func kubectlAnswers(t *testing.T, job, pods string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"job": job, "pods": pods} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kubectlIs(t, `cat `+dir+`/"$2"`)
}

func submitted(t *testing.T, root string, p *sweep.Plan) {
	t.Helper()
	job := sweep.Job{ID: "six-1da3fe-1"}
	for i, c := range p.Cells {
		job.Tasks = append(job.Tasks, sweep.Task{Index: i, Key: c.Key})
	}
	if err := os.MkdirAll(sweep.Folder(root, Name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := sweep.AddJob(root, Name, job); err != nil {
		t.Fatal(err)
	}
}

// TestStates checks cells of Jobs in other states.
func TestStates(t *testing.T) {
	const pod = `{"metadata": {"annotations": {"batch.kubernetes.io/job-completion-index": "4"}}, "spec": {"nodeName": "n2"}, "status": %s}`
	for _, c := range []struct {
		name, job string
		pods      []string
		want      []sweep.Alive
	}{
		{"it has failed", `{"status": {"conditions": [{"type": "Failed", "status": "True"}], "failedIndexes": "1"}}`, nil, nil},
		{
			"it is not failed", `{"status": {"conditions": [{"type": "Failed", "status": "False"}], "completedIndexes": "0-2,5", "failedIndexes": "3"}}`, nil,
			[]sweep.Alive{{Reason: "waits for its turn"}},
		},
		{"it is suspended", `{"spec": {"suspend": true}, "status": {"completedIndexes": "0-3,5"}}`, nil, []sweep.Alive{{Reason: "the Job is suspended"}}},
		{
			"a pod was evicted", `{"status": {"completedIndexes": "0-3,5"}}`,
			[]string{`{"phase": "Failed"}`, `{"phase": "Running"}`},
			[]sweep.Alive{{Running: true, Node: "n2", Restarts: 1}},
		},
		{
			"no node has room", `{"status": {"completedIndexes": "0-3,5"}}`,
			[]string{`{"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]}`},
			[]sweep.Alive{{Reason: "Unschedulable: 0/3 nodes are available"}},
		},
		{
			"there is no image", `{"status": {"completedIndexes": "0-3,5"}}`,
			[]string{`{"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}`},
			[]sweep.Alive{{Reason: "ImagePullBackOff"}},
		},
	} {
		root := t.TempDir()
		p := plan(t, root)
		submitted(t, root, p)
		var pods []string
		for _, status := range c.pods {
			pods = append(pods, fmt.Sprintf(pod, status))
		}
		kubectlAnswers(t, c.job, `{"items": [`+strings.Join(pods, ", ")+`]}`)
		alive, err := (&Launcher{}).Alive(t.Context(), root)
		for i := range c.want {
			c.want[i].Key, c.want[i].Job = p.Cells[4].Key, "six-1da3fe-1_4"
		}
		if err != nil || !reflect.DeepEqual(alive, c.want) {
			t.Errorf("%s: alive %+v, error %v, want %+v", c.name, alive, err, c.want)
		}
	}
	kubectlIs(t, "") // as if the Job did not exist
	root := t.TempDir()
	submitted(t, root, plan(t, root))
	if alive, err := (&Launcher{}).Alive(t.Context(), root); err != nil || alive != nil {
		t.Errorf("a deleted Job: alive %v, error %v", alive, err)
	}
	kubectlIs(t, `echo "error: connection refused" >&2; exit 1`)
	if _, err := (&Launcher{}).Alive(t.Context(), root); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
}

// TestJobName checks that Kubernetes allows the names.
func TestJobName(t *testing.T) {
	for name, want := range map[string]string{"six": "six-", "Größe 3": "gr-e-3-", "28 runs": "sweep-28-runs-", "---": "sweep-", strings.Repeat("a", 70): strings.Repeat("a", 40) + "-"} {
		p := plan(t, "/volume/sweep")
		p.Experiment.Name = name
		if got := jobName(p, 12); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "-12") || len(got) > 52 || strings.Contains(got, "--") {
			t.Errorf("%q: %q, want it to begin with %q", name, got, want)
		}
	}
}
