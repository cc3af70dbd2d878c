// Serve answers a POST request, whose body is an image, with its class as JSON:
//
//	go run ./examples/serve -model model.onnx
//	curl --data-binary @photo.jpg localhost:8080
//
// The model is one that "pipeline export model" wrote, or a run's model.onnx. It runs in
// ONNX Runtime, or in pure Go if the program is built with CGO_ENABLED=0. The program is
// then a single file that needs no libraries, and can be built for every system that Go
// supports.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"onnxlab/dataset/evaluation"
	"onnxlab/dataset/photo"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/session"
)

func main() {
	path := flag.String("model", "model.onnx", "file of the model")
	address := flag.String("listen", "localhost:8080", "address to listen at")
	flag.Parse()
	signature, model, err := open(context.Background(), *path)
	if err != nil {
		log.Fatalf("%s: %v (serve a run's model.onnx, or what pipeline export model wrote)", *path, err)
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("listening at http://%s", listener.Addr())
	log.Fatal(http.Serve(listener, handler(signature, model)))
}

// open reads a model and makes it ready to run.
func open(ctx context.Context, path string) (signature onnxmodels.Signature, model evaluation.Predictor, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return signature, nil, err
	}
	decoded, err := modelfile.Decode(data)
	if err != nil {
		return signature, nil, err
	}
	if signature, err = onnxmodels.SignatureOf(decoded); err != nil {
		return signature, nil, err
	}
	switch err = session.Open(ctx, session.LibraryOptions{Progress: os.Stderr}); {
	case errors.Is(err, session.ErrNoCgo):
		model, err = interp.New(data)
	case err == nil:
		model, err = session.NewModel(data, session.Options{})
	}
	return signature, model, err
}

// handler answers with the most likely class and the probabilities of all classes.
func handler(signature onnxmodels.Signature, model evaluation.Predictor) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 32<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		picture, err := photo.Read(bytes.NewReader(body), photo.Limits{Memory: 256 << 20})
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, probabilities, err := model.Predict(r.Context(), picture.Fill(signature.Height, signature.Width))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		best, all := 0, map[string]float32{}
		for i, p := range probabilities {
			all[signature.Classes[i]] = p
			if p > probabilities[best] {
				best = i
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{ // fails only if the client has gone away
			"class": signature.Classes[best], "probability": probabilities[best], "probabilities": all,
		})
	})
	return mux
}
