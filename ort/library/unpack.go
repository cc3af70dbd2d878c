package library

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// limits bound what is unpacked. The largest file of the pinned builds, the
// CUDA provider, has 240 MB; that of older versions had 620 MB.
type limits struct {
	files       int
	fileBytes   int64
	totalBytes  int64 // all files of the library
	streamBytes int64 // the whole uncompressed tar, all of which is read
}

var defaultLimits = limits{files: 64, fileBytes: 2 << 30, totalBytes: 4 << 30, streamBytes: 16 << 30}

// unpacker copies the library's files from an archive or a folder into dir. It
// copies only plain files whose names match those of the library's files, and only
// from one folder. It ignores the rest of their paths.
type unpacker struct {
	dir    string
	naming naming
	limits limits
	// folder is where the files must be. If it is empty, the folder of the first file
	// counts.
	folder string
	files  []manifestFile
	total  int64
}

// wants tells whether the file at name in the archive belongs to the library.
func (u *unpacker) wants(name string) (bool, error) {
	folder, base := path.Dir(path.Clean(name)), path.Base(name)
	// Archives for macOS carry debugging symbols under the library's own name.
	if !u.naming.family.MatchString(base) || strings.Contains(folder, ".dSYM") {
		return false, nil
	}
	switch {
	case folder == u.folder:
		return true, nil
	case len(u.files) == 0 && u.folder == "":
		u.folder = folder
		return true, nil
	case len(u.files) == 0:
		return false, nil
	}
	return false, fmt.Errorf("holds libraries in %q and in %q; unpack it and give the right folder", u.folder, folder)
}

// add copies one file of the library.
func (u *unpacker) add(base string, r io.Reader) error {
	if len(u.files) == u.limits.files {
		return fmt.Errorf("holds more than %d library files", u.limits.files)
	}
	file, err := os.OpenFile(filepath.Join(u.dir, base), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("holds %s twice", base)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha256.New()
	limit := min(u.limits.fileBytes, u.limits.totalBytes-u.total)
	n, err := io.Copy(io.MultiWriter(file, hash), io.LimitReader(r, limit+1))
	if err != nil {
		return fmt.Errorf("unpack %s: %w", base, err)
	}
	if n > limit {
		return fmt.Errorf("unpack %s: it has more than %d bytes", base, limit)
	}
	u.total += n
	u.files = append(u.files, manifestFile{Name: base, Bytes: n, SHA256: hex.EncodeToString(hash.Sum(nil))})
	return file.Close()
}

// unpack copies the library's files from source: a jar or zip, a tgz, a folder, or
// the library itself, in which case the provider libraries beside it are copied too.
func (u *unpacker) unpack(source string) (*manifest, error) {
	from, err := u.reader(source)
	if err != nil {
		return nil, err
	}
	if err := from(source); err != nil {
		return nil, err
	}
	m := &manifest{Source: source, Files: u.files}
	if m.Library = u.naming.pickMain(m.names()); m.Library == "" {
		return nil, fmt.Errorf("holds no %s", u.naming.main)
	}
	return m, nil
}

// reader returns the method that reads this kind of source.
func (u *unpacker) reader(source string) (func(source string) error, error) {
	info, err := os.Stat(source)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return u.fromDir, nil
	}
	magic, err := readMagic(source)
	switch {
	case err != nil:
		return nil, err
	case strings.HasPrefix(magic, "PK\x03\x04"):
		return u.fromZip, nil
	case strings.HasPrefix(magic, "\x1f\x8b"):
		return u.fromTar, nil
	case isLibrary(magic):
		return u.fromLibrary, nil
	}
	return nil, errors.New("is not a jar, a zip, a tgz or a shared library")
}

func (u *unpacker) fromZip(source string) error {
	archive, err := zip.OpenReader(source)
	if err != nil {
		return err
	}
	defer archive.Close()
	for _, entry := range archive.File {
		if !entry.Mode().IsRegular() {
			continue
		}
		ok, err := u.wants(entry.Name)
		if err == nil && ok {
			err = u.addZipEntry(entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) addZipEntry(entry *zip.File) error {
	r, err := entry.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return u.add(path.Base(entry.Name), r)
}

func (u *unpacker) fromTar(source string) error {
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		return err
	}
	stream := &io.LimitedReader{R: unzipped, N: u.limits.streamBytes}
	err = u.fromTarStream(tar.NewReader(stream))
	if err == nil {
		// Read to the end, where the checksum of the compressed file is.
		_, err = io.Copy(io.Discard, stream)
	}
	if stream.N <= 0 {
		return fmt.Errorf("holds more than %d bytes", u.limits.streamBytes)
	}
	return err
}

func (u *unpacker) fromTarStream(archive *tar.Reader) error {
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		ok, err := u.wants(header.Name)
		if err == nil && ok {
			err = u.add(path.Base(header.Name), archive)
		}
		if err != nil {
			return err
		}
	}
}

// fromDir copies the library's files from a folder. It skips links, which usually are
// other names of the library beside them.
func (u *unpacker) fromDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !u.naming.family.MatchString(entry.Name()) {
			continue
		}
		if err := u.addFile(filepath.Join(dir, entry.Name()), entry.Name()); err != nil {
			return err
		}
	}
	return nil
}

// fromLibrary copies one library and the provider libraries beside it.
func (u *unpacker) fromLibrary(source string) error {
	file, err := filepath.EvalSymlinks(source)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		return err
	}
	if err := u.addFile(file, u.naming.main); err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.Type().IsRegular() || !u.naming.family.MatchString(name) || !strings.Contains(name, "_providers") {
			continue
		}
		if err := u.addFile(filepath.Join(filepath.Dir(file), name), name); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) addFile(source, base string) error {
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer file.Close()
	return u.add(base, file)
}

// readMagic reads the first four bytes of a file, or fewer if it is shorter.
func readMagic(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	magic := make([]byte, 4)
	n, err := io.ReadFull(file, magic)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", err
	}
	return string(magic[:n]), nil
}

// isLibrary tells whether a file that starts with magic is a shared library of
// Linux (ELF), macOS (Mach-O, plain or for several processors) or Windows.
func isLibrary(magic string) bool {
	for _, start := range []string{"\x7fELF", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe", "MZ"} {
		if strings.HasPrefix(magic, start) {
			return true
		}
	}
	return false
}
