"""Mistakes of networks."""

from __future__ import annotations

from plugin_mistakes.sources import LINEAR, Mistake, model

MODELS = (
    Mistake(
        "to-the-gpu",
        "build() moves the network to the GPU",
        "asks for a GPU by itself (to_the_gpu.py:",
        model("to-the-gpu", network=LINEAR + "network = network.to('cuda')\n"),
    ),
    Mistake(
        "softmax",
        "The network ends in a softmax",
        "outputs are probabilities or their logarithms: return logits",
        model("softmax", forward="return self.network(batch).softmax(dim=1)"),
    ),
    Mistake(
        "sigmoid",
        "The network ends in a sigmoid",
        "outputs are probabilities or their logarithms: return logits",
        model("sigmoid", forward="return self.network(batch).sigmoid()"),
    ),
    Mistake(
        "last-relu",
        "A ReLU stands behind the last layer",
        "outputs are never below 0, as after a ReLU",
        model("last-relu", forward="return self.network(batch).relu()"),
    ),
    Mistake(
        "ten-classes",
        "The number of classes is fixed",
        "answers with 10 columns, and the data set has 7 classes",
        model("ten-classes", network="network = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))\n"),
    ),
    Mistake(
        "frames-as-batch",
        "Frames are taken for clips",
        "answers with the shape [98, 7], not with logits [clips, classes]",
        model(
            "frames-as-batch",
            network="network = nn.Linear(shape[0], classes)\n",
            forward="return self.network(batch.transpose(1, 2).flatten(0, 1))",
        ),
    ),
    Mistake(
        "a-tuple",
        "forward() returns more than logits",
        "answers with a tuple, not with logits",
        model("a-tuple", forward="return self.network(batch), batch"),
    ),
    Mistake(
        "detached",
        "forward() detaches",
        "no gradient reaches any weight",
        model("detached", forward="return self.network(batch).detach()"),
    ),
    Mistake(
        "spare-layer",
        "A layer is not used",
        "no gradient reaches network.spare.weight",
        model(
            "spare-layer",
            network=LINEAR + "network.add_module('spare', nn.Linear(2, 2))\n",
            forward="return self.network[1](self.network[0](batch))",
        ),
    ),
    Mistake(
        "always-drops",
        "Dropout goes on when evaluated",
        "the same clips give other logits",
        model("always-drops", forward="return nn.functional.dropout(self.network(batch), 0.5)"),
    ),
    Mistake(
        "squeezes",
        "squeeze() takes the batch of one",
        "squeeze() takes that dimension, too",
        model("squeezes", forward="return self.network(batch).squeeze()"),
    ),
    Mistake(
        "norm-of-one",
        "Batch statistics are used when evaluated",
        "for a batch of one clip when evaluated",
        model("norm-of-one", forward="return nn.functional.batch_norm(self.network(batch), None, None, training=True)"),
    ),
    Mistake(
        "one-frame",
        "A kernel is longer than a short clip",
        "raise Infeasible where a shape cannot be taken",
        model(
            "one-frame",
            network="network = nn.Sequential(nn.Conv1d(shape[0], classes, 9), nn.AdaptiveAvgPool1d(1), nn.Flatten())\n",
        ),
    ),
    Mistake(
        "lazy-and-unused",
        "A lazy layer is never reached",
        "lazy layers that no input reaches have no size",
        model(
            "lazy-and-unused",
            network=LINEAR + "network.add_module('spare', nn.LazyLinear(2))\n",
            forward="return self.network[1](self.network[0](batch))",
        ),
    ),
    Mistake(
        "seeds-itself",
        "build() sets the global seed",
        "sets the seed of torch's global generator",
        model("seeds-itself", network="torch.manual_seed(0)\n" + LINEAR),
    ),
    Mistake(
        "own-weights",
        "Weights are drawn from elsewhere",
        "differ for the same seed",
        model(
            "own-weights",
            network=LINEAR
            + "nn.init.normal_(network[1].weight, generator=None if network[1].weight.is_meta else GENERATOR)\n",
        )
        + "\nGENERATOR = torch.Generator()\n",
    ),
    Mistake(
        "silence-by-std",
        "Features are divided by their deviation",
        "gives NaN or infinity where all features are the same",
        model("silence-by-std", forward="return self.network(batch / batch.std(dim=(1, 2), keepdim=True))"),
    ),
    Mistake(
        "features-in-place",
        "The features are changed in place",
        "changes the features that it is given, in place",
        model("features-in-place", forward="return self.network(batch.mul_(0.5))"),
    ),
)
