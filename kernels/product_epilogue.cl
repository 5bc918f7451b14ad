/*
 * What a BLAS product does not do itself, before and after it. Macro: ACTIVATION (product_activate).
 */

/* Y[b][i] = bias[i % channels] + residual[b'][i] for i < elements, with b = eval * batches + batch and b' = eval *
 * residual_eval_step + batch * residual_batch_step; zero without either. Global size: (elements, evals * batches). */
KERNEL(product_prefill)
(global float *restrict y, global const float *restrict bias, global const float *restrict residual, int elements,
 int channels, int batches, int residual_eval_step, int residual_batch_step, int has_bias, int has_residual) {
    const int i = (int)get_global_id(0), b = (int)get_global_id(1);
    if (i >= elements)
        return;
    const size_t residual_b =
        (size_t)(b / batches) * (size_t)residual_eval_step + (size_t)(b % batches) * (size_t)residual_batch_step;
    float value = has_bias ? bias[i % channels] : 0.0f;
    if (has_residual)
        value += residual[residual_b * (size_t)elements + i];
    y[(size_t)b * (size_t)elements + i] = value;
}

/* Y[i] = ACTIVATION(Y[i]) for i < elements. */
KERNEL(product_activate)(global float *y, int elements) {
    const int i = (int)get_global_id(0);
    if (i < elements)
        y[i] = ACTIVATE(y[i]);
}
