// The compression library of the system, with the parts that read frames by hand.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>
// How the C library keeps memory that was freed: decoded frames shall not stay.
#if __has_include(<malloc.h>)
#include <malloc.h>
#endif
