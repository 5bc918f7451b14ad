/*
 * The operations a network is recorded with. Shapes are [batch, length, channels]; every operation also accepts evals >
 * 1 (PHASE_RUN tensors) and broadcasts a batch or evals of 1 against a larger one where it has two tensor inputs. A
 * weight named `at` is looked up as scope + at + ".weight" and ".bias" unless said otherwise.
 */
#ifndef LORIS_OPS_OPS_H
#define LORIS_OPS_OPS_H

#include "ops/geometry.h"
#include "plan/net.h"

typedef enum bias { NO_BIAS, BIAS } bias;
typedef enum activation { /* GELU is the exact one (erf), RELU6 is min(max(x, 0), 6) */
                          ACTIVATION_NONE,
                          ACTIVATION_SILU,
                          ACTIVATION_GELU,
                          ACTIVATION_RELU,
                          ACTIVATION_RELU6
} activation;

/* ---- products (host/ops/product.c, linear.c, conv1d.c, conv_transpose1d.c) --------------------------------------- */

/* x [B,L,Cin] -> [B,L,out]; weight [out,Cin] (also [out,Cin,1], and so on: a 1x1 convolution). Positions may have more
 * dimensions: [B,H,W,Cin] -> [B,H,W,out]. */
tensor linear(net *n, tensor x, const char *at, int out, bias b);

/* The same without a bias, the weight [out,Cin] being named scope + name itself. */
tensor linear_with(net *n, tensor x, const char *name, int out);

/* x [B,L,Cin] -> [B,L,out], "same" padding kernel / 2, odd kernel; weight [out,Cin,kernel], bias [out]. */
tensor conv1d(net *n, tensor x, const char *at, int out, int kernel);

/* Any stride and padding: x [B,L,Cin] -> [B,(L + 2 padding - kernel) / stride + 1, out]. */
tensor conv1d_strided(net *n, tensor x, const char *at, int out, int kernel, int stride, int padding);

/* x [B,L,Cin] -> [B,(L-1) stride - 2 padding + kernel + output_padding, out]; weight [Cin,out,kernel], bias [out]. */
tensor conv_transpose1d(net *n, tensor x, const char *at, int out, int kernel, int stride, int padding,
                        int output_padding);

/* ---- images and videos (conv3d.c, pool.c, from_bytes.c) -----------------------------------------------------------
 */

/* Over depth, height and length: x [B,D,H,L,Cin] -> [B,D',H',L',out] (geometry_output). Weight [out,Cin,kd,kh,kl], for
 * a kernel depth of 1 also [out,Cin,kh,kl], for a kernel of 1 also [out,Cin]; bias [out]. A batch norm is folded into
 * them beforehand. */
tensor conv3d(net *n, tensor x, const char *at, int out, geometry g);

/* The largest number, and the mean, of what each window sees of the input; padding counts for neither. Channels stay
 * apart. */
tensor max_pool(net *n, tensor x, geometry g);
tensor average_pool(net *n, tensor x, geometry g);

/* x of STORE_U8 -> x * factor + offset in f32, the same shape. */
tensor from_bytes(net *n, tensor x, float factor, float offset);

/* ---- norms and attention (group_norm.c, layer_norm.c, attention.c) ----------------------------------------------- */

/* Over each group's channels and all positions, biased variance, eps 1e-5; weight and bias [C] named at.weight,
 * at.bias; then x * (scale + 1) + shift when scale_shift [E,B,1,2C] is given (scale first), then the activation. */
tensor group_norm(net *n, tensor x, const char *at, int groups, tensor scale_shift, activation act);

/* Over channels, biased variance, eps 1e-5, gain without bias. The gain is scope + at itself, of shape [C] or [1,C,1].
 */
tensor layer_norm(net *n, tensor x, const char *at);

/* q [B,N,H D], kv [B,M,2 H D] (keys, then values) -> [B,N,H D]: softmax(q k^T / sqrt D) v for each of H heads. */
tensor attention(net *n, tensor q, tensor kv, int heads);

/* ---- elementwise and shape (elementwise.c, concat.c, patch.c, fourier.c, stack.c,
 * row.c)------------------------------------------------ */

tensor add(net *n, tensor a, tensor b); /* broadcasts evals and batch */
tensor activate(net *n, tensor x, activation act);
tensor scale(net *n, tensor x, float factor);

/* [B,L,Ca], [B,L,Cb] -> [B,L,Ca+Cb], b multiplied by scale_b. Batches broadcast. */
tensor concat(net *n, tensor a, tensor b, float scale_b);

/* "b (l p) c -> b l (c p)": x [B,L p,C] -> [B,L,C p], channel c p + i from position l p + i; and back. */
tensor patch(net *n, tensor x, int p);
tensor unpatch(net *n, tensor x, int p);

/* c [E,B,1,1] with weights w [features] named `at` (no suffix) -> [E,B,1,1 + 2 features]: c, sin(2 pi c w), cos(2 pi c
 * w). */
tensor fourier(net *n, tensor c, const char *at, int features);

/* One above the other: a [A,L,C], b [B,L,C] -> [A+B,L,C]. */
tensor stack(net *n, tensor a, tensor b);

/* x again and again until there are `batch` of it: for operands that do not broadcast. A batch of 1, which does, and
 * one that is large enough stay as they are. */
tensor repeat_to(net *n, tensor x, int batch);

/* x [B,L,C] + row [B,1,C], the same row for all positions; batches broadcast. */
tensor add_row(net *n, tensor x, tensor row);

/* Channels first .. first+channels-1: x [B,L,C] -> [B,L,channels]. */
tensor narrow(net *n, tensor x, int first, int channels);

/* ---- images (depthwise.c, resize.c, crop.c, keypoints.c): x [B,H,W,C] -------------------------------------------- */

/* -> [B,ceil(H/stride),ceil(W/stride),C], "same" padding, of which the larger part comes after; weight
 * [C,kernel,kernel], bias [C]. An activation that follows becomes its epilogue. */
tensor depthwise_conv2d(net *n, tensor x, const char *at, int kernel, int stride, bias b);

/* -> [B,height,width,C], bilinear between pixel centres. */
tensor resize(net *n, tensor x, int height, int width);

/* Squares of one frame [1,H,W,3] of STORE_U8; squares [B,1,3]: left, top, side in pixels of the frame ->
 * [B,size,size,3], 0..255 becoming -1..1. Enlarged bilinearly, reduced by a triangle filter of two new pixels' width;
 * black beyond the frame. */
tensor crop(net *n, tensor frame, tensor squares, int size);

/* MoveNet's decoding: center [B,H,W,1], heatmaps [B,H,W,J], regressions and offsets [B,H,W,2J] -> [B,J,3]: y, x (0..1
 * of the picture), score. See kernels/keypoints.cl. */
tensor keypoints(net *n, tensor center, tensor heatmaps, tensor regressions, tensor offsets);

/* ---- tokens (embedding.c, hawkes.c, lstm.c) ---------------------------------------------------------------------- */

/* indices [B,L,1] of STORE_I32 -> [B,L,width]: rows of the weight [count,width]; an index beyond the table takes its
 * end. */
tensor embedding(net *n, tensor indices, const char *at, int count, int width);

/* What a model has learned in place of an input: the first `rows` rows of the weight [count,width] named `at` (no
 * suffix) -> [1,rows,width]; or of the weight [count,1], 1 where the largest of those rows is and 0 elsewhere ->
 * [1,rows,1] of STORE_I32. */
tensor learned_rows(net *n, const char *at, int count, int width, int rows);
tensor learned_peaks(net *n, const char *at, int count, int rows);

/* x [B,L,E] -> sqrt(E) x + (sin arc, cos arc), arc = at.position[l] at.div_term[k] + at.Wt.weight[k]; weights
 * [positions,1], [E/2] and [E/2,1]. */
tensor hawkes_encoding(net *n, tensor x, const char *at, int positions);

/* Layer `layer` of a bidirectional LSTM: x [B,T,C] -> [B,T,2 hidden], forward units first. h0, c0 [B,2 layers,hidden]:
 * initial states, forward before reverse in each layer. Weights as PyTorch names them: weight_ih_l0 [4 hidden,C],
 * weight_hh_l0, bias_ih_l0, bias_hh_l0, and the same with _reverse. */
tensor lstm(net *n, tensor x, int hidden, int layer, tensor h0, tensor c0);

/* ---- sampling (window.c, denoise.c, combine.c) ------------------------------------------------------------------- */

/* Rows start .. start+length-1 of clip [B,T,C] -> [B,length,C]; `start` is a net_parameter in rows, divided by
 * `divisor` (deeper conditioning levels). Rows beyond T are zero. */
tensor window(net *n, tensor clip, int start, int divisor, int length);

/* Adds weight[l] * x[b,l,c] to rows start.. of the state clip [B,T,C]; rows at or after parameter `fresh` (in clip
 * rows) are assigned instead of added to; rows beyond T are dropped. weight [1,length,1]. */
void blend(net *n, tensor clip, tensor x, tensor weight, int start, int fresh);

/* x [B,L,C] * c[e][index]; c [E,1,1,K] is a PHASE_RUN tensor of coefficients. */
tensor scale_by(net *n, tensor x, tensor c, int index);

/* EDM: c[e][skip] x + c[e][skip+1] f, limited to -c[e][skip+2] .. c[e][skip+2]. With f of twice x's batch (conditional,
 * then null), f becomes null + (conditional - null) * c[e][skip+3] first (classifier-free guidance). */
tensor denoise(net *n, tensor x, tensor f, tensor c, int skip);

/* state = sum over i < count of c[e][first + i] * in[i], elementwise, equal shapes, count <= 4; `in` may include the
 * state. With clamp, the result is limited to [-1, 1]. An input whose coefficient is 0 is not used, whatever it holds.
 */
void combine(net *n, tensor state, const tensor *in, int count, tensor c, int first, bool clamp);

#endif
