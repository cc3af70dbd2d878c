package configs

import (
	"strings"
	"testing"
)

// noted loads text and returns the notes about its run, or about its sweep, with FILE in
// place of the file's path.
func noted(t *testing.T, sweep bool, images int, text string, sets ...string) string {
	t.Helper()
	path := write(t, text)
	r, err := LoadResolved(path, sets)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Cells(); sweep && err != nil {
		t.Fatal(err)
	}
	notes := r.Notes(images)
	if sweep {
		notes = r.SweepNotes(images)
	}
	var lines []string
	for _, n := range notes {
		if !strings.Contains(": "+n.Message, ": "+n.Key+": ") {
			t.Errorf("%q is not about %s", n.Message, n.Key)
		}
		lines = append(lines, strings.ReplaceAll(n.String(), path, "FILE"))
	}
	return strings.Join(lines, "\n")
}

// fits is a number of images that every batch size below divides.
const fits = "data: {train: 1024}\n"

func TestNotes(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		images int
		want   string
	}{
		"nothing to note":       {fits, 0, ""},
		"a warmup that rises":   {fits + "train: {batch_size: 256}\nschedule: {warmup_epochs: 5}\n", 0, ""},
		"decay at the last":     {fits + "train: {epochs: 20}\nschedule: {decay_epochs: [19]}\n", 0, ""},
		"decays of no step":     {fits + "train: {epochs: 20}\nschedule: {kind: cosine, decay_epochs: [60]}\n", 0, ""},
		"other number of them":  {fits, 1000, "FILE:1:15: train.batch_size: every epoch leaves out 104 of 1000 training images, which do not fill a batch of 128 (not the same ones each time)"},
		"a folder":              {"data: {source: folder, train: 100}\ntrain: {batch_size: 64}\n", 0, ""},
		"a folder that is read": {"data: {source: folder, train: 100}\ntrain: {batch_size: 64}\n", 70, "FILE:2:21: train.batch_size: every epoch leaves out 6 of 70 training images, which do not fill a batch of 64 (not the same ones each time)"},
		"left out":              {"data: {train: 100}\ntrain: {batch_size: 64}\n", 0, "FILE:2:21: train.batch_size: every epoch leaves out 36 of 100 training images, which do not fill a batch of 64 (not the same ones each time)"},
		"left out of all":       {"seed: 1\n", 0, "train.batch_size: every epoch leaves out 80 of 50000 training images, which do not fill a batch of 128 (not the same ones each time)"},
		"warmup at the reference": {
			fits + "schedule:\n  warmup_epochs: 5\n", 0,
			"FILE:3:18: schedule.warmup_epochs: a warmup of 5 epochs does nothing, since the rate is not scaled up: train.batch_size is not above optimizer.reference_batch 128",
		},
		"warmup below the reference": {
			fits + "train: {batch_size: 32}\nschedule: {warmup_epochs: 1, scaling: sqrt, kind: polynomial}\n", 0,
			"FILE:3:27: schedule.warmup_epochs: a warmup of 1 epoch does nothing, since the rate is not scaled up: train.batch_size is not above optimizer.reference_batch 128",
		},
		"warmup of the whole run": {
			fits + "train: {epochs: 3, batch_size: 256}\nschedule: {kind: constant, warmup_epochs: 3, warmup_by: epoch}\n", 0,
			"FILE:3:43: schedule.warmup_epochs: a warmup of 3 epochs takes the whole run: no step has the full rate",
		},
		"settings of another kind": {
			fits + "model: {kind: resnet, depth: 32, convolutions: 2, train: [head]}\n", 0,
			`FILE:2:58: model.train: [head] does nothing, since model.kind resnet has no such setting
FILE:2:48: model.convolutions: 2 does nothing, since model.kind resnet has no such setting`,
		},
		"depth of the study's": {
			fits + "model: {depth: 32}\n", 0,
			"FILE:2:16: model.depth: 32 does nothing, since model.kind cnn has no such setting",
		},
		"decay just beyond": {
			fits + "train: {epochs: 20}\nschedule: {decay_epochs: [10, 20]}\n", 0,
			"FILE:3:26: schedule.decay_epochs: 20 lies beyond the run of 20 epochs (counted from 0), and does nothing",
		},
		"decays by default": {
			fits + "train: {epochs: 3}\n", 0,
			"FILE:2:17: schedule.decay_epochs: 60 and 85 lie beyond the run of 3 epochs (counted from 0), and do nothing",
		},
		"many decays": {
			fits + "schedule: {decay_epochs: [99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109]}\n", 0,
			"FILE:2:26: schedule.decay_epochs: 100, 101, 102, 103, 104, 105, 106, 107 and 2 more lie beyond the run of 100 epochs (counted from 0), and do nothing",
		},
		"all at once": {
			"data: {train: 300}\ntrain: {epochs: 4}\nschedule: {warmup_epochs: 1, decay_epochs: [2, 3, 4]}\n", 0,
			`FILE:3:27: schedule.warmup_epochs: a warmup of 1 epoch does nothing, since the rate is not scaled up: train.batch_size is not above optimizer.reference_batch 128
FILE:3:44: schedule.decay_epochs: 4 lies beyond the run of 4 epochs (counted from 0), and does nothing
FILE:1:15: train.batch_size: every epoch leaves out 44 of 300 training images, which do not fill a batch of 128 (not the same ones each time)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := noted(t, false, c.images, c.text); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestSweepNotes checks that each note is returned once, with the runs that it is about.
func TestSweepNotes(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		images int
		want   string
	}{
		"the study": {
			"data: {source: cifar10}\nsweep: {batch_sizes: [128, 256, 512, 1024, 2048, 4096, 8192]}\n", 0,
			`FILE:2:22: condition warmup at batch size 128: schedule.warmup_epochs: a warmup of 5 epochs does nothing, since the rate is not scaled up: train.batch_size is not above optimizer.reference_batch 128
FILE:2:22: sweep.batch_sizes: of 50000 training images every epoch leaves out some that do not fill a batch: 80 at 128 and 256; 336 at 512; 848 at 1024, 2048, 4096 and 8192`,
		},
		"of a run alone": {fits + "train: {batch_size: 100}\nsweep: {conditions: [none], batch_sizes: [256]}\n", 0, ""},
		"in all runs": {
			fits + "train: {epochs: 50}\nsweep: {conditions: [none, strong], batch_sizes: [256, 512]}\n", 0,
			"FILE:2:17: schedule.decay_epochs: 60 and 85 lie beyond the run of 50 epochs (counted from 0), and do nothing",
		},
		"of a definition": {
			fits + "sweep:\n  conditions: [none, long, wide, medium]\n  batch_sizes: [64, 128, 256]\n  definitions:\n    long: {schedule: {warmup_epochs: 2}}\n    wide: {schedule: {warmup_epochs: 2}, model: {widths: [8]}}\n", 0,
			"FILE:6:38: conditions long and wide at batch sizes 64 and 128: schedule.warmup_epochs: a warmup of 2 epochs does nothing, since the rate is not scaled up: train.batch_size is not above optimizer.reference_batch 128",
		},
		"apart by definitions": {
			fits + "sweep:\n  conditions: [a, b]\n  batch_sizes: [64, 128]\n  definitions:\n    a: {schedule: {warmup_epochs: 2}}\n    b: {schedule: {warmup_epochs: 2}, train: {epochs: 70}}\n", 0,
			`FILE:6:35: schedule.warmup_epochs: a warmup of 2 epochs does nothing, since the rate is not scaled up: train.batch_size is not above optimizer.reference_batch 128
FILE:7:55: condition b: schedule.decay_epochs: 85 lies beyond the run of 70 epochs (counted from 0), and does nothing`,
		},
		"a built-in warmup in a short run": {
			fits + "train: {epochs: 3}\nschedule: {decay_epochs: []}\nsweep: {conditions: [warmup], batch_sizes: [128, 256, 512]}\n", 0,
			`FILE:4:21: at batch size 128: schedule.warmup_epochs: a warmup of 3 epochs does nothing, since the rate is not scaled up: train.batch_size is not above optimizer.reference_batch 128
FILE:4:21: at batch sizes 256 and 512: schedule.warmup_epochs: a warmup of 3 epochs takes the whole run: no step has the full rate`,
		},
		"images that are counted": {
			"data: {source: folder}\nsweep: {conditions: [none], batch_sizes: [16, 32, 50], seeds: [1, 2]}\n", 100,
			"FILE:2:42: sweep.batch_sizes: of 100 training images every epoch leaves out some that do not fill a batch: 4 at 16 and 32",
		},
		"images that are not": {"data: {source: folder}\nsweep: {conditions: [none], batch_sizes: [16, 30]}\n", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := noted(t, true, c.images, c.text); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestNotesWithoutPlaces checks the notes about experiments that were made in Go.
func TestNotesWithoutPlaces(t *testing.T) {
	e := Default()
	e.Schedule.WarmupEpochs = 2
	notes := append(e.Notes(256), e.SweepNotes(1000)...)
	if len(notes) != 3 || notes[0].Key != "schedule.warmup_epochs" || notes[1].Key != "schedule.warmup_epochs" || notes[2].Key != "sweep.batch_sizes" {
		t.Fatalf("notes %q", notes)
	}
	for _, n := range notes {
		if n.Origin != (Origin{}) || n.String() != n.Message {
			t.Errorf("%+v has an origin", n)
		}
	}
}

// TestCellFaultsHavePlaces checks that problems with cells of a sweep have the origin of
// the setting.
func TestCellFaultsHavePlaces(t *testing.T) {
	for text, want := range map[string]string{
		// The condition's own warmup, and the decay within it.
		"sweep: {conditions: [none, warmup], batch_sizes: [256]}\nschedule: {decay_epochs: [4]}\n": "FILE:2:26: condition warmup at batch size 256: schedule.decay_epochs: 4 is not above schedule.warmup_epochs 5: no step would have the full rate (the condition warmup sets schedule.warmup_epochs: define it differently in sweep.definitions.warmup)",
		// A setting of a definition.
		"train: {epochs: 4}\nsweep:\n  conditions: [long]\n  batch_sizes: [256]\n  definitions:\n    long: {schedule: {warmup_epochs: 6}}\n": "FILE:6:38: condition long at batch size 256: schedule.warmup_epochs: 6 is more than train.epochs 4: the run would end within the warmup",
		// A batch size of the sweep.
		"sweep:\n  conditions: [none]\n  batch_sizes: [64, 66]\n  definitions: {none: {train: {replicas: 4}}}\n": "FILE:4:42: condition none at batch size 66: train.replicas: 4 does not divide train.batch_size 66",
		"data: {train: 256}\nsweep:\n  conditions: [none]\n  batch_sizes: [256, 512]\n":                          "FILE:4:16: condition none at batch size 512: train.batch_size: 512 is more than the 256 training images: an epoch would have no steps",
		// One-cycle has its own warmup.
		"schedule: {kind: one-cycle}\nsweep: {conditions: [warmup], batch_sizes: [256], seeds: [1, 2]}\n": "FILE:2:21: condition warmup at batch size 256: schedule.warmup_epochs: 5 comes before a schedule that warms up by itself: set it to 0, and let schedule.start_fraction and schedule.peak_at say how one-cycle rises (the condition warmup sets schedule.warmup_epochs: define it differently in sweep.definitions.warmup)",
	} {
		path := write(t, text)
		r, err := LoadResolved(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Cells()
		if err == nil || strings.ReplaceAll(err.Error(), path, "FILE") != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if _, err := r.Experiment.Cells(); err == nil || !strings.HasSuffix(want, ": "+err.Error()) {
			t.Errorf("without origins: %v", err)
		}
	}
}

// TestReadKeepsOldSchedules checks that the configuration of a run with a schedule that is
// no longer allowed can be read, but not trained again.
func TestReadKeepsOldSchedules(t *testing.T) {
	e := Default()
	e.Train.Epochs, e.Schedule.WarmupEpochs, e.Schedule.DecayEpochs = 2, 1, []int{1}
	text, err := Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, string(text))
	if read, err := Read(path); err != nil || read.Hash() != e.Hash() {
		t.Errorf("%+v, %v", read, err)
	}
	want := ": schedule.decay_epochs: 1 is not above schedule.warmup_epochs 1"
	if _, err := Load(path, nil); err == nil || !strings.HasPrefix(err.Error(), path+":") || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := e.ValidateFor("train", "schedule"); err == nil {
		t.Error("Validate accepts it")
	}
}
