/* A delegate for LiteRT and tflite-runtime that works, or fails as it is told: a twin of an accelerator.

   It takes the model's first operator, QUANTIZE from plain uint8 to int8 of the same scale, and computes it. The option
   `fault` says what goes wrong, and `file`, if given, that it does so only while that file exists:

       create   it cannot be made            prepare  it refuses the model       kernel  its kernel refuses
       invoke   its kernel fails             hang     its kernel never ends      crash   its kernel ends the process
       wrong    its kernel computes nonsense

   Types are the parts that are needed, in order and size as in tensorflow/lite/core/c/common.h (TensorFlow 2.14 and
   later); the entry points as in tensorflow/lite/delegates/external/external_delegate.h. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, ERROR = 1 };

typedef struct { int size; int data[]; } IntArray;
typedef struct {
    int type;
    uint8_t *data;
    IntArray *dims;
    float scale;
    int32_t zero_point;
    int allocation_type;
    size_t bytes;
    void *allocation, *name, *delegate;
    int buffer_handle;
    uint8_t data_is_stale, is_variable;
    int quantization_type;
    void *quantization, *sparsity, *dims_signature;
} Tensor;
typedef struct { IntArray *inputs, *outputs; } Node;
typedef struct Context Context;
typedef struct Delegate Delegate;

typedef struct {
    void *(*init)(Context *, const char *, size_t);
    void (*free)(Context *, void *);
    int (*prepare)(Context *, Node *);
    int (*invoke)(Context *, Node *);
    const char *(*profiling_string)(const Context *, const Node *);
    int32_t builtin_code;
    const char *custom_name;
    int version;
    void *external, *async_kernel;
    uint64_t inplace_operator;
} Registration;

struct Context {
    size_t tensors_size;
    int (*GetExecutionPlan)(Context *, IntArray **);
    Tensor *tensors;
    void *impl, *ResizeTensor;
    void (*ReportError)(Context *, const char *, ...);
    void *AddTensors, *GetNodeAndRegistration;
    int (*ReplaceNodeSubsetsWithDelegateKernels)(Context *, Registration, const IntArray *, Delegate *);
};

struct Delegate {
    void *data;
    int (*Prepare)(Context *, Delegate *);
    void *CopyFromBufferHandle, *CopyToBufferHandle, *FreeBufferHandle;
    int64_t flags;
    void *opaque_builder;
};

static char fault[16], file[4096];

static int fails(const char *how) { return !strcmp(fault, how) && (!*file || !access(file, F_OK)); }

static int prepare_kernel(Context *context, Node *node) {
    (void)node;
    if (fails("kernel")) context->ReportError(context, "the twin's kernel refuses");
    return fails("kernel") ? ERROR : OK;
}

static int invoke(Context *context, Node *node) {
    while (fails("hang")) sleep(1);
    if (fails("crash")) abort();
    if (fails("invoke")) context->ReportError(context, "the twin has lost its device");
    if (fails("invoke")) return ERROR;
    const Tensor *from = &context->tensors[node->inputs->data[0]], *to = &context->tensors[node->outputs->data[0]];
    const uint8_t kept = fails("wrong") ? 0 : 0xff;
    for (size_t index = 0; index < to->bytes; index++) to->data[index] = (from->data[index] & kept) ^ 0x80;
    return OK;
}

static int prepare(Context *context, Delegate *delegate) {
    const Registration kernel = {.prepare = prepare_kernel, .invoke = invoke, .custom_name = "twin", .version = 1};
    IntArray *first = calloc(2, sizeof(int)), *plan;
    int status = ERROR;
    if (!fails("prepare") && context->GetExecutionPlan(context, &plan) == OK) {
        first->size = 1;
        first->data[0] = plan->data[0];
        status = context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, first, delegate);
    }
    free(first);
    return status;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
    *fault = *file = 0;
    for (size_t index = 0; index < count; index++) {
        char *option = !strcmp(keys[index], "fault") ? fault : !strcmp(keys[index], "file") ? file : NULL;
        if (!option) {
            report("the twin knows no such option");
            return NULL;
        }
        strncpy(option, values[index], option == fault ? sizeof fault - 1 : sizeof file - 1);
    }
    if (fails("create")) {
        report("the twin finds no device");
        return NULL;
    }
    Delegate *delegate = calloc(1, sizeof *delegate);
    delegate->Prepare = prepare;
    return delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }
