// Package sheet draws overviews of augmented images: each source next to its
// variants, with the parameters that were drawn for each below it.
//
//	rows := []sheet.Row{{Label: "cat", Source: source, Variants: variants}}
//	picture, err := sheet.Draw(rows)
//	animation, err := sheet.Animate(ctx, rows)
//
// Grid draws pictures with captions, without sources.
//
// The same rows give the same bytes.
package sheet
