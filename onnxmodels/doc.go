// Package onnxmodels builds convolutional networks that ONNX Runtime can train
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
// checkpoint, which every client of ONNX Runtime's training API can train. After
// training, read the parameters and write an inference model with
//
//	state, err := checkpoint.Read("checkpoint")
//	model, err := network.Inference(state, onnxmodels.InferenceOptions{})
//	err = modelfile.Write("model.onnx", model)
//
// onnxmodels/example_test.go has examples that "go doc" does not show: a network from
// its layers to its files, and a layer of one's own. Run them with go test -v -run
// Example onnxlab/onnxmodels. The example of onnxlab/ort/session trains a network.
//
// # Training artifacts
//
// A client of ONNX Runtime's training API feeds and reads these tensors, in this order.
// ONNX Runtime feeds all other inputs itself. "pipeline export artifacts" lists the tensors
// of an experiment.
//
//	training_model.onnx   input   image          uint8 [batch, height, width, 3]
//	                      input   label          int64 [batch], classes from 0
//	                      input   learning_rate  float32 [1]
//	                      input   loss_scale     float32 [1], only in mixed precision
//	                      input   dropout_seed   int64 [1], only with Dropout
//	                      output  loss           float32 [], mean cross-entropy
//	                      output  correct        float32 [], images classified right
//	                      output  gradient_norm  float32 [], only in mixed precision
//	eval_model.onnx       input   image, label
//	                      output  loss, correct
//	                      inside  dense.out      float32 [batch, classes], the logits
//	optimizer_model.onnx                         all by ONNX Runtime
//
// With every optimizer, the client feeds the learning rate at each step, divided by the
// number of micro-batches if there are several. The optimizer's own rate and the API's
// learning-rate schedulers have no effect. In Python, a step is
//
//	module.train()
//	loss, correct = module(image, label, np.array([rate], np.float32))
//	optimizer.step()
//	module.lazy_reset_grad()
//
// and the trained model, with the input image and the output dense.out,
//
//	module.export_model_for_inferencing("model.onnx", ["dense.out"])
//
// The logits have the name of the last layer followed by ".out": [Artifacts.Logits].
//
// With [TrainingOptions.Mixes] the training model also takes second_label, int64 [batch],
// and label_share, float32 [batch], after the rate.
//
// In momentum SGD the rate scales the gradients, which the optimizer model adds to the
// velocity. Every other rule, such as Adam, is a part of the training model: in the last
// micro-batch of a batch it replaces the accumulated gradients by the step, which the
// optimizer model subtracts from the parameters. The state of the rule, such as Adam's
// moments, is stored in frozen parameters of the checkpoint: [Artifacts.State].
//
// # Networks
//
// CNN is the network of the study that the README describes; ResNet and MobileNet are
// networks of the literature. A layer of your own implements Layer: it appends
// operators to the graph, each of which must have a gradient in package op.
//
// Images are RGB, uint8 [batch, height, width, 3]. The first nodes of every graph
// convert them to float32 [batch, 3, height, width] in 0..1. The defaults of layers are
// those of Keras: Glorot uniform kernels, zero biases, BatchNorm with momentum 0.99 and
// epsilon 1e-3.
package onnxmodels
