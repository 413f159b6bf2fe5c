/* zlib for .gz inputs. inflateInit2 is a macro, which Swift cannot import. */
#ifndef SOCKAUDIT_ZLIB_SHIM_H
#define SOCKAUDIT_ZLIB_SHIM_H

#include <zlib.h>

/* 16 + the largest window: gzip members only, with their checksum checked. */
static inline int sockaudit_gunzip_begin(z_stream *stream) { return inflateInit2(stream, 16 + MAX_WBITS); }

#endif
