// Client sends images to the server of examples/serve and prints what they
// show:
//
//	go run ./examples/client [-server http://localhost:8080] photo.jpg …
//
// It prints a line for each image: the file, its class and the probability of
// the class.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
)

func main() {
	server := flag.String("server", "http://localhost:8080", "address of the server")
	flag.Parse()
	if !strings.Contains(*server, "://") {
		*server = "http://" + *server
	}
	if flag.NArg() == 0 {
		log.Fatal("give images: client [-server http://localhost:8080] photo.jpg …")
	}
	for _, path := range flag.Args() {
		a, err := ask(*server, path)
		if err != nil {
			log.Fatalf("%s: %v", path, err)
		}
		fmt.Printf("%s\t%s\t%.2f %%\n", path, a.Class, 100*a.Probability)
	}
}

// answer is the server's answer for one image.
type answer struct {
	Class         string             `json:"class"`
	Probability   float64            `json:"probability"`
	Probabilities map[string]float64 `json:"probabilities"` // by class
}

func ask(server, path string) (a answer, err error) {
	file, err := os.Open(path)
	if err != nil {
		return a, err
	}
	response, err := http.Post(server, "application/octet-stream", file) // which closes the file
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body) // the body says what is wrong
		return a, fmt.Errorf("%s: %s", response.Status, text)
	}
	return a, json.NewDecoder(response.Body).Decode(&a)
}
