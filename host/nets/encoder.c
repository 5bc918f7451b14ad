#include "nets/encoder.h"

tensor video_encoder(net *n, tensor video, tensor h0, tensor c0, int features) {
    int hidden = shape_of(n, video).channels / 2;
    tensor x = video;
    enter(n, "vencoder.lstm.");
    for (int layer = 0; layer < ENCODER_LAYERS; layer++)
        x = lstm(n, x, hidden, layer, h0, c0);
    leave(n);
    return linear(n, x, "cond_lin", features, BIAS);
}
