"""The names inside an artefact that its writer and its reader must agree on."""

CONTRACT_KEY, BUILD_KEY = "softres.contract", "softres.build"

# The tensors of the graph, in the order a picture passes them. `small` and `logits` are where a
# reader may cut: the network alone lies between them. An artefact gives some of the last three.
IMAGE, SMALL, LOGITS, MASK = "image", "small", "logits", "mask"
CONFIDENCE = "confidence"
