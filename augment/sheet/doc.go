// Package sheet draws pictures of augmented images for people: each source
// beside what plans make of it, with the drawn parameters below.
//
//	rows := []sheet.Row{{Label: "cat", Source: source, Variants: variants}}
//	picture, err := sheet.Draw(rows)
//	animation, err := sheet.Animate(ctx, rows)
//
// Grid draws pictures with captions without any source.
//
// The same rows give the same bytes.
package sheet
