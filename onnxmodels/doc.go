// Package onnxmodels makes convolutional networks that ONNX Runtime can train
// and run: layers build a typed graph, which is differentiated and written as
// training artifacts or, with trained parameters, as an inference model.
//
//	network, err := onnxmodels.NewNetwork(32, 32,
//		onnxmodels.Conv("conv1", onnxmodels.ConvOptions{Filters: 16, Kernel: 3}),
//		onnxmodels.BatchNorm("norm1", onnxmodels.BatchNormOptions{}),
//		onnxmodels.ReLU("relu1"),
//		onnxmodels.GlobalAveragePool("pool"),
//		onnxmodels.Dense("dense", 10))
//	artifacts, err := network.Artifacts(onnxmodels.TrainingOptions{Momentum: 0.9})
//	err = artifacts.Write("artifacts", network.Initialize(1))
//
// writes training_model.onnx, eval_model.onnx, optimizer_model.onnx and
// checkpoint, which every client of ONNX Runtime's training API can train. When
// it has, the parameters come back as
//
//	state, err := checkpoint.Read("checkpoint")
//	model, err := network.Inference(state, onnxmodels.InferenceOptions{})
//	err = modelfile.Write("model.onnx", model)
//
// CNN is the study's network. A layer of your own implements Layer: it appends
// operators to the graph, of which each has a gradient rule in package
// gradient.
//
// Images are RGB, uint8 [batch, height, width, 3]; the first nodes of every
// graph make float32 [batch, 3, height, width] in 0..1 of them. Defaults are
// Keras's: Glorot uniform kernels, zero biases, BatchNorm with momentum 0.99 and
// epsilon 1e-3.
package onnxmodels
