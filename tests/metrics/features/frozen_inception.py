"""A frozen graph like the one of December 2015: its names, its operations of TensorFlow 1, weights by a formula.

Written out node by node and channel by channel, apart from the code that it checks.
"""

import numpy as np
import tensorflow as tf

FLOAT = tf.float32.as_datatype_enum


class FrozenInception:
    """Args: seed: of the weights. Attributes: graph: the GraphDef."""

    def __init__(self, seed):
        self.graph = tf.compat.v1.GraphDef()
        self.graph.versions.producer = 8  # The normalisation's operation ceases to work with 9.
        self._random = np.random.default_rng(seed)
        self._resize()
        x = self._stem()
        for name, pooled in (("mixed", 32), ("mixed_1", 64), ("mixed_2", 64)):
            x = self._block_35(x, name, {"mixed": 192, "mixed_1": 256, "mixed_2": 288}[name], pooled)
        x = self._block_to_17(x)
        for name, c in (("mixed_4", 128), ("mixed_5", 160), ("mixed_6", 160), ("mixed_7", 192)):
            x = self._block_17(x, name, c)
        x = self._block_to_8(x)
        x = self._block_8(x, "mixed_9", 1280, "AvgPool")
        x = self._block_8(x, "mixed_10", 2048, "MaxPool")
        self._pool("AvgPool", "pool_3", x, 8, 1, "VALID")
        self._constant("pool_3/_reshape/shape", np.array([-1, 2048], np.int32))
        self._node("Reshape", "pool_3/_reshape", "pool_3", "pool_3/_reshape/shape", T=FLOAT)
        self._constant("softmax/weights", self._normal(2048, 1008) / 45)
        self._constant("softmax/biases", self._normal(1008))
        self._node("MatMul", "softmax/logits/MatMul", "pool_3/_reshape", "softmax/weights", T=FLOAT)
        self._node("BiasAdd", "softmax/logits", "softmax/logits/MatMul", "softmax/biases", T=FLOAT)
        self._node("Softmax", "softmax", "softmax/logits", T=FLOAT)

    def __call__(self, images):
        """uint8 images of one size to `pool_3` and `softmax/logits/MatMul`."""
        with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
            tf.import_graph_def(self.graph, name="")
            fetched = ["pool_3/_reshape:0", "softmax/logits/MatMul:0"]
            return session.run(fetched, {"ExpandDims:0": images.astype(np.float32)})

    def _normal(self, *shape):
        return self._random.standard_normal(shape, np.float32)

    def _node(self, operation, name, *inputs, **attributes):
        node = self.graph.node.add(op=operation, name=name, input=inputs)
        for key, value in attributes.items():
            field = {bool: "b", float: "f", bytes: "s", int: "type", list: "list"}[type(value)]
            if field == "list":
                node.attr[key].list.i.extend(value)
            else:
                setattr(node.attr[key], field, value)
        return name

    def _constant(self, name, array):
        array = np.asarray(array)
        node = self.graph.node.add(op="Const", name=name)
        node.attr["dtype"].type = tf.as_dtype(array.dtype).as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array))
        return name

    def _resize(self):
        self._node("Placeholder", "ExpandDims", dtype=FLOAT)
        self._constant("ResizeBilinear/size", np.array([299, 299], np.int32))
        self._node("ResizeBilinear", "ResizeBilinear", "ExpandDims", "ResizeBilinear/size", T=FLOAT)
        self._constant("Sub/y", np.float32(128))
        self._node("Sub", "Sub", "ResizeBilinear", "Sub/y", T=FLOAT)
        self._constant("Mul/y", np.float32(0.0078125))
        self._node("Mul", "Mul", "Sub", "Mul/y", T=FLOAT)

    def _conv(self, x, name, in_channels, out_channels, height, width, stride=1, padding="SAME"):
        kernel = self._normal(height, width, in_channels, out_channels) * np.sqrt(2 / (height * width * in_channels))
        kernel = self._constant(f"{name}/conv2d_params", kernel.astype(np.float32))
        strides = [1, stride, stride, 1]
        self._node("Conv2D", f"{name}/Conv2D", x, kernel, T=FLOAT, strides=strides, padding=padding.encode())
        values = {
            "moving_mean": self._normal(out_channels) / 5,
            "moving_variance": self._random.uniform(0.5, 1.5, out_channels).astype(np.float32),
            "beta": self._normal(out_channels) / 5,
            "gamma": self._random.uniform(0.5, 1.5, out_channels).astype(np.float32),  # Not looked at, see below.
        }
        for part, array in values.items():
            self._constant(f"{name}/batchnorm/{part}", array)
        self._node(
            *("BatchNormWithGlobalNormalization", f"{name}/batchnorm", f"{name}/Conv2D"),
            *(f"{name}/batchnorm/{part}" for part in values),
            **{"T": FLOAT, "variance_epsilon": 0.001, "scale_after_normalization": False},
        )
        return self._node("Relu", name, f"{name}/batchnorm", T=FLOAT)

    def _pool(self, operation, name, x, size, stride, padding):
        window = {"ksize": [1, size, size, 1], "strides": [1, stride, stride, 1], "padding": padding.encode()}
        return self._node(operation, name, x, T=FLOAT, **window)

    def _join(self, name, *parts):
        dimension = self._constant(f"{name}/concat_dim", np.int32(3))
        node = self._node("Concat", name, dimension, *parts, T=FLOAT)
        self.graph.node[-1].attr["N"].i = len(parts)
        return node

    def _stem(self):
        x = self._conv("Mul", "conv", 3, 32, 3, 3, 2, "VALID")
        x = self._conv(x, "conv_1", 32, 32, 3, 3, 1, "VALID")
        x = self._conv(x, "conv_2", 32, 64, 3, 3)
        x = self._pool("MaxPool", "pool", x, 3, 2, "VALID")
        x = self._conv(x, "conv_3", 64, 80, 1, 1, 1, "VALID")
        x = self._conv(x, "conv_4", 80, 192, 3, 3, 1, "VALID")
        return self._pool("MaxPool", "pool_1", x, 3, 2, "VALID")

    def _block_35(self, x, n, c, pooled):
        one = self._conv(x, f"{n}/conv", c, 64, 1, 1)
        five = self._conv(x, f"{n}/tower/conv", c, 48, 1, 1)
        five = self._conv(five, f"{n}/tower/conv_1", 48, 64, 5, 5)
        three = self._conv(x, f"{n}/tower_1/conv", c, 64, 1, 1)
        three = self._conv(three, f"{n}/tower_1/conv_1", 64, 96, 3, 3)
        three = self._conv(three, f"{n}/tower_1/conv_2", 96, 96, 3, 3)
        pool = self._pool("AvgPool", f"{n}/tower_2/pool", x, 3, 1, "SAME")
        pool = self._conv(pool, f"{n}/tower_2/conv", c, pooled, 1, 1)
        return self._join(f"{n}/join", one, five, three, pool)

    def _block_to_17(self, x):
        one = self._conv(x, "mixed_3/conv", 288, 384, 3, 3, 2, "VALID")
        two = self._conv(x, "mixed_3/tower/conv", 288, 64, 1, 1)
        two = self._conv(two, "mixed_3/tower/conv_1", 64, 96, 3, 3)
        two = self._conv(two, "mixed_3/tower/conv_2", 96, 96, 3, 3, 2, "VALID")
        pool = self._pool("MaxPool", "mixed_3/pool", x, 3, 2, "VALID")
        return self._join("mixed_3/join", one, two, pool)

    def _block_17(self, x, n, c):
        one = self._conv(x, f"{n}/conv", 768, 192, 1, 1)
        two = self._conv(x, f"{n}/tower/conv", 768, c, 1, 1)
        two = self._conv(two, f"{n}/tower/conv_1", c, c, 1, 7)
        two = self._conv(two, f"{n}/tower/conv_2", c, 192, 7, 1)
        four = self._conv(x, f"{n}/tower_1/conv", 768, c, 1, 1)
        four = self._conv(four, f"{n}/tower_1/conv_1", c, c, 7, 1)
        four = self._conv(four, f"{n}/tower_1/conv_2", c, c, 1, 7)
        four = self._conv(four, f"{n}/tower_1/conv_3", c, c, 7, 1)
        four = self._conv(four, f"{n}/tower_1/conv_4", c, 192, 1, 7)
        pool = self._pool("AvgPool", f"{n}/tower_2/pool", x, 3, 1, "SAME")
        pool = self._conv(pool, f"{n}/tower_2/conv", 768, 192, 1, 1)
        return self._join(f"{n}/join", one, two, four, pool)

    def _block_to_8(self, x):
        one = self._conv(x, "mixed_8/tower/conv", 768, 192, 1, 1)
        one = self._conv(one, "mixed_8/tower/conv_1", 192, 320, 3, 3, 2, "VALID")
        two = self._conv(x, "mixed_8/tower_1/conv", 768, 192, 1, 1)
        two = self._conv(two, "mixed_8/tower_1/conv_1", 192, 192, 1, 7)
        two = self._conv(two, "mixed_8/tower_1/conv_2", 192, 192, 7, 1)
        two = self._conv(two, "mixed_8/tower_1/conv_3", 192, 192, 3, 3, 2, "VALID")
        pool = self._pool("MaxPool", "mixed_8/pool", x, 3, 2, "VALID")
        return self._join("mixed_8/join", one, two, pool)

    def _block_8(self, x, n, c, pooling):
        one = self._conv(x, f"{n}/conv", c, 320, 1, 1)
        two = self._conv(x, f"{n}/tower/conv", c, 384, 1, 1)
        left = self._conv(two, f"{n}/tower/mixed/conv", 384, 384, 1, 3)
        right = self._conv(two, f"{n}/tower/mixed/conv_1", 384, 384, 3, 1)
        two = self._join(f"{n}/tower/mixed/join", left, right)
        three = self._conv(x, f"{n}/tower_1/conv", c, 448, 1, 1)
        three = self._conv(three, f"{n}/tower_1/conv_1", 448, 384, 3, 3)
        left = self._conv(three, f"{n}/tower_1/mixed/conv", 384, 384, 1, 3)
        right = self._conv(three, f"{n}/tower_1/mixed/conv_1", 384, 384, 3, 1)
        three = self._join(f"{n}/tower_1/mixed/join", left, right)
        pool = self._pool(pooling, f"{n}/tower_2/pool", x, 3, 1, "SAME")
        pool = self._conv(pool, f"{n}/tower_2/conv", c, 192, 1, 1)
        return self._join(f"{n}/join", one, two, three, pool)
