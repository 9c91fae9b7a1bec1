#include <math.h>

#include "ckernels.h"
#include "tables.h"

#define TABLE_NAME "plain"
#define FLUSH_IN_SOFTWARE
#include "kernels.inc"

const hone_kernel_table *hone_table_plain(void) { return &table; }
