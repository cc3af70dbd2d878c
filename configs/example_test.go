package configs_test

import (
	"errors"
	"fmt"
	"log"

	"onnxlab/configs"
)

// This example loads a file, changes one setting, and lists the runs of its sweep. It then
// prints the message about a mistake.
func Example() {
	e, err := configs.Load("quickstart.yaml", []string{"train.epochs=30"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Name, e.Augment.Recipe, e.Train.Epochs, "epochs of batches of", e.Train.BatchSize)

	cells, err := e.Cells()
	if err != nil {
		log.Fatal(err)
	}
	last := cells[len(cells)-1]
	fmt.Println(len(cells), "runs, the last:", last.Sweep.Conditions[0], last.Train.BatchSize, last.Schedule.WarmupEpochs, "epochs of warmup")

	_, err = configs.Load("quickstart.yaml", []string{"train.epcohs=3"})
	var wrong *configs.Error
	if errors.As(err, &wrong) {
		fmt.Println(wrong.Problems[0].Message)
	}
	// Output:
	// quickstart medium 30 epochs of batches of 32
	// 48 runs, the last: warmup 384 8 epochs of warmup
	// unknown key "train.epcohs" (did you mean "train.epochs"?)
}
