// Package library finds, fetches, checks and opens the ONNX Runtime shared
// library.
//
//	path, err := library.Ensure(ctx, library.Options{Device: "cpu", Progress: os.Stderr})
//	…
//	err = library.Open(path)
//	…
//	defer library.Close()
//
// [Ensure] returns the first of these:
//
//  1. the setting runtime.library ([Options.Library]), a file or a folder;
//  2. the environment variable ONNXLAB_ORT_LIBRARY, likewise;
//  3. a library that was installed from a file with [Install];
//  4. the pinned build, in the user's cache folder;
//  5. the pinned build, fetched by the Maven client, checked against the
//     SHA-256 in this package, and unpacked into the cache folder.
//
// The pinned build has the training API, which Microsoft's own releases dropped
// after 1.19.2. There are builds for Linux, macOS and Windows, and
// for the device "cuda" on Linux and Windows.
//
// The cache folder is onnxlab/onnxruntime below [os.UserCacheDir]. It is safe
// to delete whenever no program is using it. Libraries appear in it whole or not
// at all. If several processes want to fetch at once, one does and the others
// wait. The pinned build is fetched again if a file is missing or has another
// size; [Describe] and [Install] also check the SHA-256 of every file.
//
// CUDA and cuDNN are not part of the build. [Open] loads them from where the
// system's loader looks, from installations of CUDA or from Python environments.
//
// The binding, github.com/yalue/onnxruntime_go, has one environment for the
// whole process. [Open] and [Close] count their callers.
package library
