// The compression library of the system, with the parts that read frames by hand.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>
