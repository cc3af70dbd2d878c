package configs

// Conditions returns the names of the conditions that every experiment has: those of the
// study that README.md describes, and remedies for the accuracy lost with large batches.
func Conditions() []string {
	return []string{
		"none", "medium", "strong", "warmup", "shift-only",
		"sqrt-scaling", "nesterov", "ema", "label-smoothing", "mixup", "cutmix", "lars", "lamb",
	}
}

// remedy returns what a remedy for large batches changes in the condition "medium"; nil for
// other names. Each is a single change, with the values from its paper.
func remedy(name string) Overlay {
	switch name {
	case "sqrt-scaling": // Hoffer et al. 2017, section 3: keeps the variance of steps
		return Overlay{"schedule.scaling": "sqrt"}
	case "nesterov": // Sutskever et al. 2013
		return Overlay{"optimizer.nesterov": true}
	case "ema": // Polyak and Juditsky 1992; Tarvainen and Valpola 2017
		return Overlay{"optimizer.ema_decay": 0.999, "optimizer.ema_warmup": true}
	case "label-smoothing": // Szegedy et al. 2016, section 7
		return Overlay{"train.label_smoothing": 0.1}
	case "mixup": // Zhang et al. 2018, section 3.1
		return Overlay{"augment.mixup": 0.2}
	case "cutmix": // Yun et al. 2019, section 3.1
		return Overlay{"augment.cutmix": 1.0}
	case "lars": // You et al. 2017, section 5
		return Overlay{"optimizer.kind": LARS, "optimizer.trust_coefficient": 0.001}
	case "lamb": // You et al. 2020, table 4: the root of the batch size, from 0.005 at 512
		return Overlay{
			"optimizer.kind": LAMB, "optimizer.learning_rate": 0.005, "optimizer.reference_batch": 512,
			"optimizer.epsilon": 1e-6, "schedule.scaling": "sqrt",
		}
	}
	return nil
}
