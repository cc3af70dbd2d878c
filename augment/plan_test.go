package augment

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestPlansSurviveJSON(t *testing.T) {
	var kinds []Spec
	for _, kind := range []string{"vertical_flip", "erase_published", "cutout", "flip"} {
		kinds = append(kinds, Spec{kind, nil})
	}
	kinds = append(kinds, Spec{"shear", map[string]float64{"degrees": 10}}, Spec{"brightness", map[string]float64{"amount": 10}}, Spec{"contrast", map[string]float64{"amount": 0.1}})
	everything, err := Custom("keras-3", kinds)
	if err != nil {
		t.Fatal(err)
	}
	for _, recipe := range []*Recipe{strong(t), everything} {
		for _, p := range plans(t, recipe, 1000, 32, 32) {
			var back Plan
			if err := json.Unmarshal([]byte(p.String()), &back); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back, p) {
				t.Fatalf("%v came back as %v", p, back)
			}
		}
	}
}

// Previews and users rely on these names and formats.
func TestPlanJSONHasTheContractsNames(t *testing.T) {
	p := Identity()
	want := `{"rotation_degrees":0,"shift_rows":0,"shift_columns":0,"zoom_rows":1,"zoom_columns":1,"channel_shift":0,"flip":false,"erase":null,"geometry":"keras-2018"}`
	if got := p.String(); got != want {
		t.Errorf("identity is %s, want %s", got, want)
	}
	p.Erase = Patch{1, 2, 3, 4, 0.5}
	p.VerticalFlip, p.Shear, p.Brightness, p.Contrast = true, 1, 2, 3
	p.Cutout = Patch{5, 6, 7, 8, 0}
	for _, want := range []string{
		`"erase":{"row":1,"column":2,"height":3,"width":4,"value":0.5}`,
		`"vertical_flip":true,"shear_degrees":1,"brightness":2,"contrast":3`,
		`"cutout":{"row":5,"column":6,"height":7,"width":8,"value":0}`,
	} {
		if !strings.Contains(p.String(), want) {
			t.Errorf("%s is not in %s", want, p)
		}
	}
}

func TestPlanJSONLeavesOutWhatChangesNothing(t *testing.T) {
	var p Plan
	if err := json.Unmarshal([]byte(`{"flip": true, "erase": null}`), &p); err != nil {
		t.Fatal(err)
	}
	want := Identity()
	want.Flip = true
	if !reflect.DeepEqual(p, want) {
		t.Errorf("read %v, want %v", p, want)
	}
}

func TestPlanJSONRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"rotation": 3}`:                          `unknown field "rotation"`,
		`{"rotation_degrees": 181}`:                "rotation_degrees: 181 is outside -180..180",
		`{"zoom_rows": 0}`:                         "zoom_rows: 0 is outside 0.0009765625..1024",
		`{"shift_columns": 1e9}`:                   "shift_columns: 1e+09 is outside -65536..65536",
		`{"shear_degrees": 90}`:                    "shear_degrees: 90 is outside -80..80",
		`{"channel_shift": 256}`:                   "channel_shift: 256 is outside -255..255",
		`{"contrast": -2}`:                         "contrast: -2 is outside -1..10",
		`{"geometry": "keras"}`:                    `geometry: "keras" is not one of keras-2018, keras-3`,
		`{"geometry": ""}`:                         `geometry: "" is not one of keras-2018, keras-3`,
		`{"erase": {"height": -1, "width": 2}}`:    "erase.height: -1 is outside 0..65536",
		`{"cutout": {"row": 100000}}`:              "cutout.row: 100000 is outside -65536..65536",
		`{"erase": {"value": 2}}`:                  "erase.value: 2 is outside 0..1",
		`{"erase": {"row": 1, "colour": 3}}`:       `unknown field "colour"`,
		`{"erase": {"row": 99999999999999999999}}`: "cannot unmarshal",
		`[]`: "cannot unmarshal",
	} {
		var p Plan
		if err := json.Unmarshal([]byte(text), &p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
		if !reflect.DeepEqual(p, Plan{}) {
			t.Errorf("%s: the plan was changed to %v", text, p)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	p := Identity()
	for _, c := range []struct {
		change        func(*Plan)
		bytes         int
		height, width int
		want          string
	}{
		{nil, 11, 2, 2, "image of 2x2 pixels needs 12 bytes, or 4 if it is grey: the source has 11 and the destination 11"},
		{nil, 0, 0, 2, "image of 0x2 pixels: a side is outside 1..65536"},
		{nil, 0, 2, -1, "image of 2x-1 pixels: a side is outside 1..65536"},
		{nil, 0, 65536, 65536, "4294967296 pixels are more than 268435456"},
		{func(p *Plan) { p.Rotation = math.NaN() }, 12, 2, 2, "rotation_degrees: NaN is outside -180..180"},
		{func(p *Plan) { p.ShiftRows = math.Inf(1) }, 12, 2, 2, "shift_rows: +Inf is outside"},
		{func(p *Plan) { *p = Plan{} }, 12, 2, 2, `geometry: "" is not one of`},
	} {
		changed := p
		if c.change != nil {
			c.change(&changed)
		}
		err := changed.Apply(make([]uint8, c.bytes), make([]uint8, c.bytes), c.height, c.width)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// Any plan that can be read from JSON survives writing and reading it again, and
// applying it to images of any shape neither panics nor writes outside of them.
func FuzzPlanJSON(f *testing.F) {
	f.Add([]byte(Identity().String()))
	f.Add([]byte(`{"rotation_degrees":180,"shift_rows":-65536,"shear_degrees":80,"zoom_rows":1024,"zoom_columns":0.001,"channel_shift":-255,"flip":true,"geometry":"keras-3"}`))
	f.Add([]byte(`{"erase":{"row":-5,"column":65536,"height":65536,"width":65536,"value":1},"contrast":10,"brightness":-255,"vertical_flip":true}`))
	f.Add([]byte(`{"shift_rows":65536,"shift_columns":-3.5,"flip":true,"cutout":{"row":1,"column":1,"height":1,"width":9,"value":0.2}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p, back Plan
		if err := json.Unmarshal(data, &p); err != nil {
			return
		}
		if err := json.Unmarshal([]byte(p.String()), &back); err != nil || back.String() != p.String() {
			t.Fatalf("%v came back as %v, error %v", p, back, err)
		}
		for _, size := range [][2]int{{1, 1}, {2, 40}, {5, 3}} {
			apply(t, p, noise(1, size[0], size[1]), size[0], size[1])
		}
	})
}
