// The licences of the crates that Rust's standard library adds to every addon.
//
// The toolchain contains the library and its dependencies in compiled form, so cargo does not know them, and their
// licence files are installed only with its documentation. They are listed here by hand. They have no versions, since
// the toolchain that packs may be another one than the one that built. All of them may be used under MIT, except
// Unicode's data. A test compares the list with the crates that the toolchain links.

import { MIT } from './mit.mjs'

const UNICODE = `UNICODE LICENSE V3

COPYRIGHT AND PERMISSION NOTICE

Copyright © 1991-2024 Unicode, Inc.

NOTICE TO USER: Carefully read the following legal agreement. BY
DOWNLOADING, INSTALLING, COPYING OR OTHERWISE USING DATA FILES, AND/OR
SOFTWARE, YOU UNEQUIVOCALLY ACCEPT, AND AGREE TO BE BOUND BY, ALL OF THE
TERMS AND CONDITIONS OF THIS AGREEMENT. IF YOU DO NOT AGREE, DO NOT
DOWNLOAD, INSTALL, COPY, DISTRIBUTE OR USE THE DATA FILES OR SOFTWARE.

Permission is hereby granted, free of charge, to any person obtaining a
copy of data files and any associated documentation (the "Data Files") or
software and any associated documentation (the "Software") to deal in the
Data Files or Software without restriction, including without limitation
the rights to use, copy, modify, merge, publish, distribute, and/or sell
copies of the Data Files or Software, and to permit persons to whom the
Data Files or Software are furnished to do so, provided that either (a)
this copyright and permission notice appear with all copies of the Data
Files or Software, or (b) this copyright and permission notice appear in
associated Documentation.

THE DATA FILES AND SOFTWARE ARE PROVIDED "AS IS", WITHOUT WARRANTY OF ANY
KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT OF
THIRD PARTY RIGHTS.

IN NO EVENT SHALL THE COPYRIGHT HOLDER OR HOLDERS INCLUDED IN THIS NOTICE
BE LIABLE FOR ANY CLAIM, OR ANY SPECIAL INDIRECT OR CONSEQUENTIAL DAMAGES,
OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS,
WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION,
ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THE DATA
FILES OR SOFTWARE.

Except as contained in this notice, the name of a copyright holder shall
not be used in advertising or otherwise to promote the sale, use or other
dealings in these Data Files or Software without prior written
authorization of the copyright holder.
`

/** The crates by name: the licences of each, and the copyright holders that its own licence page names for MIT. */
const CRATES = {
  addr2line: ['Apache-2.0 OR MIT', '2016-2018 The gimli Developers'],
  adler2: ['0BSD OR MIT OR Apache-2.0', 'Jonas Schievink <jonasschievink@gmail.com>'],
  'cfg-if': ['MIT OR Apache-2.0', '2014 Alex Crichton'],
  compiler_builtins: [
    'MIT AND Apache-2.0 WITH LLVM-exception AND (MIT OR Apache-2.0)',
    "2009-2016 by the contributors listed in CREDITS.TXT of LLVM's compiler-rt",
    '2018 Jorge Aparicio (libm)',
    '2005-2020 Rich Felker, et al. (musl)',
    '1993,2004 Sun Microsystems, 2003-2011 David Schultz, 2003-2009 Steven G. Kargl, 2003-2009 Bruce D. Evans, 2008 Stephen L. Moshier, 2017-2018 Arm Limited (parts of libm)',
  ],
  gimli: ['MIT OR Apache-2.0', '2015 The Rust Project Developers'],
  hashbrown: ['MIT OR Apache-2.0', "2016 Amanieu d'Antras"],
  libc: ['MIT OR Apache-2.0', 'The Rust Project Developers'],
  memchr: ['Unlicense OR MIT', '2015 Andrew Gallant'],
  miniz_oxide: [
    'MIT OR Zlib OR Apache-2.0',
    '2013-2014 RAD Game Tools and Valve Software',
    '2010-2014 Rich Geldreich and Tenacious Software LLC',
    '2017 Frommi',
    '2017-2024 oyvindln',
  ],
  object: ['Apache-2.0 OR MIT', '2015 The Gimli Developers'],
  'rustc-demangle': ['MIT OR Apache-2.0', '2014 Alex Crichton'],
}

/** The entries of the page. The library itself is the last one. */
export const STANDARD_LIBRARY = [
  ...Object.entries(CRATES).map(([name, [licence, ...holders]]) => ({
    title: `${name}, through Rust's standard library (${licence})`,
    texts: [MIT(...holders)],
  })),
  { title: "Unicode's data, through Rust's standard library (Unicode-3.0)", texts: [UNICODE] },
  { title: "Rust's standard library (MIT OR Apache-2.0)", texts: [MIT('The Rust Project Contributors')] },
]
