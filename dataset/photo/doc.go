// Package photo decodes photographs from any source and turns them upright, into the pixels
// that networks take:
//
//	err := photo.ReadAll(ctx, photo.OpenFile, paths, photo.Limits{}, func(i int, p *photo.Photo, err error) error {
//		…
//		copy(set.Image(i), p.Fill(32, 32))
//	})
//
// It reads JPEG, PNG, GIF, BMP and WebP, which it recognises by their first bytes and not
// by the name of the file. It uses the first frame of an animation, and puts transparent
// pictures on white. Pictures are turned as by Pillow's exif_transpose, according to EXIF
// or XMP: [Photo.Fill] and [Photo.Fit] return them upright.
//
// Files may be hostile. The header says how much memory decoding will take, and files that
// exceed [Limits] are refused before any of it is allocated. Large pictures are decoded one
// after the other, so that the memory does not grow with their number.
package photo
