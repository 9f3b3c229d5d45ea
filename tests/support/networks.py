"""Arguments of networks small enough to be built, trained and exported in tests."""

SMALL_NETWORK = {
    "trunk": "res2net_s",
    "output_stride": 16,
    "multi_grid": [1, 1, 1],
    "wasp_channels": 16,
    "wasp_rates": [1, 2],
    "wasp_shared": True,
    "decoder_channels": 16,
    "dropout": 0.1,
    "activation": "softmax",
}
SMALL_LSTM_NETWORK = SMALL_NETWORK | {"lstm_channels": 4, "lstm_kernel": 3}
