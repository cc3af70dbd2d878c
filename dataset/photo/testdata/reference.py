"""Writes pictures/: files like those of cameras and programs, and for each the picture that
Pillow decodes, upright and on white, as NAME.want.png.

    python3 -m venv venv && venv/bin/pip install pillow==13.0.0 numpy==2.4.6
    venv/bin/python reference.py

by_hand() makes the expected pictures of files that Pillow cannot read or decodes
differently.
"""

import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

OUT = pathlib.Path(__file__).parent / "pictures"
WIDTH, HEIGHT = 24, 16


def picture(mode="RGB"):
    """Returns a picture with four corners of different colours, so that every orientation shows."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    u, v = x / (WIDTH - 1), y / (HEIGHT - 1)
    rgb = np.stack([40 + 180 * u, 30 + 200 * v, 200 - 90 * u - 90 * v], -1)
    im = Image.fromarray(rgb.round().astype(np.uint8), "RGB")
    if mode in ("RGBA", "LA"):
        alpha = Image.fromarray((255 * v).round().astype(np.uint8), "L")
        im = im.convert("RGB" if mode == "RGBA" else "L")
        im.putalpha(alpha)
        return im
    return im.convert(mode)


def save(form, im=None, **options):
    b = io.BytesIO()
    (im or picture()).save(b, form, **options)
    return b.getvalue()


def tags(entries, order="<"):
    """Returns a TIFF block with one directory of (tag, type, count, value bytes)."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HL", 42, 8)
    body = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in sorted(entries, key=lambda e: e[0]):
        body += struct.pack(order + "HHL", tag, kind, count) + value.ljust(4, b"\0")
    return head + body + struct.pack(order + "L", 0)


def orientation(o, order="<", kind=3):
    return tags([(0x0112, kind, 1, struct.pack(order + {1: "B", 3: "H", 4: "L", 8: "h", 9: "l"}[kind], o))], order)


def segment(marker, content):
    return b"\xff" + bytes([marker]) + struct.pack(">H", 2 + len(content)) + content


def exif(block):
    return segment(0xE1, b"Exif\0\0" + block)


def xmp(o, form="attribute"):
    inner = f'tiff:Orientation="{o}"/>' if form == "attribute" else f"><tiff:Orientation>{o}</tiff:Orientation></rdf:Description>"
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {inner}</x:xmpmeta>'.encode()


def xmp_segment(o, form="attribute"):
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(o, form))


def jpeg(*between, **options):
    """Returns a JPEG with additional segments after its start."""
    plain = save("JPEG", quality=95, subsampling=0, **options)
    return plain[:2] + b"".join(between) + plain[2:]


def chunk(kind, content, crc=None):
    sum_ = zlib.crc32(kind + content) if crc is None else crc
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", sum_)


def png(*before, im=None, after=(), **options):
    """Returns a PNG with additional chunks after its header, and others before its end."""
    plain = save("PNG", im, **options)
    header, end = 8 + 25, 12
    return plain[:header] + b"".join(before) + plain[header:-end] + b"".join(after) + plain[-end:]


def idat(data):
    """Returns the uncompressed pixels of a PNG, and a function that writes the file around others."""
    at = data.index(b"IDAT") - 4
    n = struct.unpack(">L", data[at : at + 4])[0]
    return zlib.decompress(data[at + 8 : at + 8 + n]), lambda raw: data[:at] + chunk(b"IDAT", zlib.compress(raw)) + data[at + 12 + n :]


def more_pixels(data, extra):
    raw, around = idat(data)
    return around(raw + bytes(extra))


def raw_profile(block):
    text = f"\nexif\n{len(block) + 6:8}\n" + (b"Exif\0\0" + block).hex() + "\n"
    return b"Raw profile type exif\0\0" + zlib.compress(text.encode())


def international(key, text, compressed=False):
    return key + b"\0" + bytes([compressed, 0]) + b"en\0\0" + (zlib.compress(text) if compressed else text)


def pictures():
    for o in range(1, 9):
        yield f"exif{o}.jpg", jpeg(exif(orientation(o)))
        yield f"exif{o}.png", png(chunk(b"eXIf", orientation(o, ">")))
    short6 = orientation(6)
    yield "exif0.jpg", jpeg(exif(orientation(0)))
    yield "exif9.jpg", jpeg(exif(orientation(9)))
    yield "exif6_big_endian.jpg", jpeg(exif(orientation(6, ">")))
    yield "exif6_long.jpg", jpeg(exif(orientation(6, kind=4)))
    yield "exif8_long_big_endian.jpg", jpeg(exif(orientation(8, ">", kind=4)))
    yield "exif6_signed.jpg", jpeg(exif(orientation(6, kind=8)))
    yield "exif6_byte.jpg", jpeg(exif(orientation(6, kind=1)))
    yield "exif6_two_values.jpg", jpeg(exif(tags([(0x0112, 3, 2, struct.pack("<HH", 6, 6))])))
    yield "exif6_other_tags.jpg", jpeg(exif(tags([(0x0100, 4, 1, b"\1"), (0x010F, 2, 4, b"abc\0"), (0x0112, 3, 1, b"\6\0"), (0x0128, 3, 1, b"\2\0")])))
    yield "exif6_then_3.jpg", jpeg(exif(tags([(0x0112, 3, 1, b"\6\0"), (0x0112, 3, 1, b"\3\0")])))
    yield "exif6_xmp_first.jpg", jpeg(xmp_segment(1), exif(short6))
    yield "exif6_others_first.jpg", jpeg(segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(200)), segment(0xED, b"Photoshop 3.0\0"), segment(0xFE, b"comment"), exif(short6))
    yield "exif6_fill.jpg", jpeg(b"\xff\xff\xff" + exif(short6))
    yield "exif6_fill_after.jpg", jpeg(exif(short6) + b"\xff\xff")
    yield "exif6_two_segments.jpg", jpeg(exif(short6[:12]), exif(short6[12:]))
    yield "exif6_mark_twice.jpg", jpeg(exif(b"Exif\0\0" + short6))
    yield "exif_cut.jpg", jpeg(exif(short6[:16]))
    yield "exif_no_tiff.jpg", jpeg(segment(0xE1, b"Exif\0\0"))
    yield "xmp6.jpg", jpeg(xmp_segment(6))
    yield "xmp8_element.jpg", jpeg(xmp_segment(8, "element"))
    yield "xmp6_exif1.jpg", jpeg(xmp_segment(6), exif(orientation(1)))
    yield "xmp6_exif_without.jpg", jpeg(xmp_segment(6), exif(tags([(0x0128, 3, 1, b"\2\0")])))
    yield "xmp6_exif_byte.jpg", jpeg(xmp_segment(6), exif(orientation(3, kind=1)))
    yield "exif6_after_pixels.png", png(after=[chunk(b"eXIf", short6)])
    yield "exif6_raw_profile.png", png(chunk(b"zTXt", raw_profile(short6)))
    yield "xmp6.png", png(chunk(b"iTXt", international(b"XML:com.adobe.xmp", xmp(6))))
    yield "xmp3_compressed.png", png(chunk(b"iTXt", international(b"XML:com.adobe.xmp", xmp(3, "element"), True)))
    yield "exif6.webp", save("WebP", lossless=True, exif=b"Exif\0\0" + short6)
    yield "xmp5.webp", save("WebP", lossless=True, xmp=xmp(5))

    yield "grey.jpg", save("JPEG", picture("L"), quality=95)
    yield "grey_exif7.jpg", (lambda b: b[:2] + exif(orientation(7)) + b[2:])(save("JPEG", picture("L"), quality=95))
    yield "subsampled.jpg", save("JPEG", quality=95, subsampling=2)
    yield "progressive.jpg", jpeg(progressive=True)
    yield "cmyk.jpg", save("JPEG", picture("CMYK"), quality=95)
    yield "cmyk_no_adobe.jpg", without_adobe(save("JPEG", picture("CMYK"), quality=95))
    yield "rgb.jpg", save("JPEG", quality=95, keep_rgb=True)
    yield "trailing.jpg", jpeg() + b"a video, as phones append it" * 9

    yield "grey.png", png(im=picture("L"))
    yield "grey_alpha.png", png(im=picture("LA"))
    yield "alpha.png", png(im=picture("RGBA"))
    yield "palette.png", png(im=picture().quantize(16))
    yield "palette_transparent.png", palette_transparent()
    yield "bits.png", png(im=picture("1"))
    yield "extra_pixels.png", more_pixels(png(), 3 * WIDTH + 1)
    yield "extra_pixels_exif6.png", more_pixels(png(chunk(b"eXIf", short6)), 500)
    yield "extra_pixels_palette.png", more_pixels(png(im=picture().quantize(16)), 5)
    yield "trailing.png", png() + b"more"
    yield "apng.png", animation("PNG")

    yield "whole.gif", save("GIF", picture().quantize(32))
    yield "animated.gif", animation("GIF")
    yield "24.bmp", save("BMP")
    yield "8.bmp", save("BMP", picture("L"))
    yield "1.bmp", save("BMP", picture("1"))
    yield "lossless.webp", save("WebP", lossless=True)
    yield "lossy.webp", save("WebP", quality=95)
    yield "alpha.webp", save("WebP", picture("RGBA"), quality=95)
    yield "alpha_lossless.webp", save("WebP", picture("RGBA"), lossless=True, exact=True)


def without_adobe(data):
    at = data.index(b"\xff\xee")
    n = struct.unpack(">H", data[at + 2 : at + 4])[0]
    return data[:at] + data[at + 2 + n :]


def palette_transparent():
    im = picture().quantize(16)
    return save("PNG", im, transparency=bytes([0, 128] + [255] * 14))


def animation(form):
    first, second = picture(), Image.new("RGB", (WIDTH, HEIGHT), (9, 200, 9))
    if form == "GIF":
        first, second = first.quantize(32), second.quantize(2)
    return save(form, first, save_all=True, append_images=[second])


def by_hand():
    """Yields files that Pillow cannot read or decodes differently, with the expected pictures."""
    plain = np.asarray(picture())
    text = b"Comment\0text"
    yield "bad_crc_text.png", png(chunk(b"tEXt", text, crc=1)), plain  # libpng reads it
    yield "bad_crc_after.png", png(after=[chunk(b"tIME", bytes(7), crc=1)]), plain
    yield "interlaced.png", interlaced(plain), plain
    yield "interlaced_extra_pixels.png", more_pixels(interlaced(plain), 99), plain
    # Pillow also uses the high byte of each sample, but does not support this form.
    yield "16_bits.png", sixteen(plain), plain
    # A frame of 6x4 pixels at column 5, row 3, which does not fill the canvas.
    part = picture().crop((0, 0, 6, 4)).quantize(8, dither=0)
    data = bytearray(save("GIF", part, interlace=0))
    data[6:10] = struct.pack("<HH", WIDTH, HEIGHT)
    at = data.index(b"\x2c", 13 + 3 * 8)
    data[at + 1 : at + 5] = struct.pack("<HH", 5, 3)
    seen = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    seen[3:7, 5:11] = np.asarray(part.convert("RGB"))
    yield "part.gif", bytes(data), seen
    # A BMP from top to bottom: the height is negative.
    bmp = bytearray(save("BMP"))
    rows = bytes(bmp[54:])
    bmp[22:26] = struct.pack("<l", -HEIGHT)
    bmp[54:] = b"".join(rows[i : i + 3 * WIDTH] for i in range(len(rows) - 3 * WIDTH, -1, -3 * WIDTH))
    yield "top_down.bmp", bytes(bmp), plain


def sixteen(rgb):
    header = struct.pack(">LLBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    raw = b"".join(b"\0" + (row.astype(">u2") * 256 + 77).astype(">u2").tobytes() for row in rgb)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def interlaced(rgb):
    """Returns an interlaced PNG (Adam7), which Pillow cannot write."""
    header = struct.pack(">LLBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 1)
    raw = b""
    for x, y, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for row in rgb[y::dy, x::dx]:
            raw += b"\0" + row.tobytes()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def shown(data):
    im = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if "A" in im.getbands() or "transparency" in im.info:
        im = im.convert("RGBA")
        im = Image.alpha_composite(Image.new("RGBA", im.size, "white"), im)
    return im.convert("RGB")


def main():
    OUT.mkdir(exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    for name, data in pictures():
        (OUT / name).write_bytes(data)
        shown(data).save(OUT / f"{name}.want.png")
    for name, data, pixels in by_hand():
        (OUT / name).write_bytes(data)
        Image.fromarray(pixels).save(OUT / f"{name}.want.png")


main()
