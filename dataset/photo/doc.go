// Package photo decodes the photographs that people have, upright, into the pixels
// that networks take:
//
//	err := photo.ReadAll(ctx, photo.OpenFile, paths, photo.Limits{}, func(i int, p *photo.Photo, err error) error {
//		…
//		copy(set.Image(i), p.Fill(32, 32))
//	})
//
// It reads JPEG, PNG, GIF, BMP and WebP, which it knows by their first bytes and not
// by the name of the file. Of an animation the first frame counts, and what is
// transparent is seen on white. A picture is turned as Pillow's exif_transpose turns
// it, whether EXIF or XMP tells how: [Photo.Fill] and [Photo.Fit] give it upright.
//
// Files are taken for hostile. What decoding one will take is known from its header,
// and more than [Limits] allow is refused before any of it is allocated. Large pictures
// are decoded one after the other, so that the memory does not grow with their number.
package photo
