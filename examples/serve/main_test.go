package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/library"
	"onnxlab/ort/library/librarytest"
)

// writeModel writes a model of three classes whose logits are four times the means of an
// image's colours, each in 0..1.
func writeModel(t *testing.T) string {
	t.Helper()
	n, err := onnxmodels.NewNetwork(8, 8, onnxmodels.GlobalAveragePool("pool"), onnxmodels.Dense("dense", 3))
	if err != nil {
		t.Fatal(err)
	}
	state := n.Initialize(1)
	copy(state.Parameter("dense.weight").Data, []float32{4, 0, 0, 0, 4, 0, 0, 0, 4})
	m, err := n.Inference(state, onnxmodels.InferenceOptions{Classes: []string{"red", "green", "blue"}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := modelfile.Write(path, m); err != nil {
		t.Fatal(err)
	}
	return path
}

func plain(c color.Color) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, 40, 30))
	draw.Draw(m, m.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	return m
}

// start builds the server and starts it on a port of its own. It runs until the test
// ends. start returns its address.
func start(t *testing.T, cgo string) string {
	t.Helper()
	ortLibrary := librarytest.Path(t)
	program := filepath.Join(t.TempDir(), "serve")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	server := exec.Command(program, "-model", writeModel(t), "-listen", "127.0.0.1:0")
	server.Env = append(os.Environ(), library.EnvLibrary+"="+ortLibrary)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	server.Stderr = log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait() // it was killed
		log.Close()
	})
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(log.Name())
		if err != nil {
			t.Fatal(err)
		}
		if a := address.Find(text); a != nil {
			return string(a)
		}
	}
	text, _ := os.ReadFile(log.Name())
	t.Fatalf("the service did not start:\n%s", text)
	return ""
}

// TestService starts the service, with ONNX Runtime and in pure Go, and posts images.
func TestService(t *testing.T) {
	for name, cgo := range map[string]string{"ONNX Runtime": "1", "pure Go": "0"} {
		t.Run(name, func(t *testing.T) {
			server := start(t, cgo)
			var red, teal bytes.Buffer
			if err := png.Encode(&red, plain(color.RGBA{255, 0, 0, 255})); err != nil {
				t.Fatal(err)
			}
			if err := jpeg.Encode(&teal, plain(color.RGBA{0, 204, 102, 255}), nil); err != nil {
				t.Fatal(err)
			}
			checkAnswer(t, server, red.Bytes(), "red", [3]float64{1, 0, 0})
			checkAnswer(t, server, teal.Bytes(), "green", [3]float64{0, 0.8, 0.4})

			for body, want := range map[string]string{"no image": "is not a JPEG", "": "is empty"} {
				status, text := post(t, server, []byte(body))
				if status != http.StatusBadRequest || !strings.Contains(text, want) {
					t.Errorf("%q is answered by %d %s, want %d %s", body, status, text, http.StatusBadRequest, want)
				}
			}
			if status, _ := post(t, server, make([]byte, 32<<20+1)); status != http.StatusRequestEntityTooLarge {
				t.Errorf("more than 32 MB are answered by %d", status)
			}
			response, err := http.Get(server)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("GET is answered by %s", response.Status)
			}
			checkClients(t, server, red.Bytes())
		})
	}
}

func post(t *testing.T, server string, body []byte) (status int, text string) {
	t.Helper()
	response, err := http.Post(server, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

// checkAnswer posts an image with these mean colours and checks the class and the
// probabilities.
func checkAnswer(t *testing.T, server string, image []byte, class string, means [3]float64) {
	t.Helper()
	status, text := post(t, server, image)
	var got struct {
		Class         string
		Probability   float64
		Probabilities map[string]float64
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, text, err)
	}
	sum := 0.0
	for _, m := range means {
		sum += math.Exp(4 * m)
	}
	for i, name := range []string{"red", "green", "blue"} {
		want := math.Exp(4*means[i]) / sum
		if math.Abs(got.Probabilities[name]-want) > 0.01 { // JPEG rounds colours
			t.Errorf("%s has the probability %v, want %v", name, got.Probabilities[name], want)
		}
	}
	if got.Class != class || got.Probability != got.Probabilities[class] || len(got.Probabilities) != 3 {
		t.Errorf("answer %s, want %s", text, class)
	}
}

// checkClients runs both clients with an image, and with a file that is not one.
func checkClients(t *testing.T, server string, red []byte) {
	t.Helper()
	dir := t.TempDir()
	picture, text := filepath.Join(dir, "red.png"), filepath.Join(dir, "text.png")
	for path, data := range map[string][]byte{picture: red, text: []byte("no image")} {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, client := range [][]string{
		{"go", "run", "../client", "-server", server},
		{"python3", "../client.py", "--server", server},
	} {
		if _, err := exec.LookPath(client[0]); err != nil {
			t.Logf("not tried: %v", err) // Go and its tests need no Python
			continue
		}
		out, err := exec.Command(client[0], append(client[1:], picture, picture)...).CombinedOutput()
		line := picture + "\tred\t96.47 %\n"
		if err != nil || string(out) != line+line {
			t.Errorf("%v prints %q, %v, want %q twice", client, out, err, line)
		}
		out, err = exec.Command(client[0], append(client[1:], text)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), text) || !strings.Contains(string(out), "400") || !strings.Contains(string(out), "is not a JPEG") {
			t.Errorf("for a file that is not an image, %v prints %q, %v", client, out, err)
		}
	}
}
