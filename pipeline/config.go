package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
)

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show, check, describe and plot experiments",
		Args:  cli.CheckArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigShowCommand(), newConfigCheckCommand(), newConfigSchemaCommand(), newConfigPlotCommand())
	return cmd
}

// configOptions are the flags of the subcommands of config.
type configOptions struct {
	cli.ExperimentFlags
	json bool
	out  string
	log  bool
}

func newConfigShowCommand() *cobra.Command {
	var opts configOptions
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print the resolved experiment and where each value came from",
		Long: `Print the experiment that a run would have: the defaults, the file and those that it
extends, the environment (ONNXLAB_TRAIN_EPOCHS=3 sets train.epochs) and --set, in
this order. A comment after each value says where it comes from. The output is a valid
configuration.
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runConfigShow(cmd.OutOrStdout(), opts) },
	}
	opts.Add(cmd)
	cmd.Flags().BoolVar(&opts.json, "json", false, "print JSON, with the origins under \"origins\"")
	return cmd
}

func runConfigShow(out io.Writer, opts configOptions) error {
	resolved, err := configs.LoadResolved(opts.Config, opts.Sets)
	if err != nil {
		return err
	}
	if !opts.json {
		text, err := resolved.MarshalWithOrigins()
		if err != nil {
			return err
		}
		_, err = out.Write(text)
		return err
	}
	origins := map[string]string{}
	for key, origin := range resolved.Origins {
		origins[key] = origin.String()
	}
	return cli.PrintJSON(out, struct {
		configs.Experiment
		Origins map[string]string `json:"origins"`
	}{resolved.Experiment, origins})
}

func newConfigCheckCommand() *cobra.Command {
	var opts configOptions
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check experiments and list everything that is wrong",
		Long: `Check experiments and print for each "FILE: ok" or everything that is wrong with
it. If it has a sweep, each of its runs is checked too. No data is needed. Of a given
model (model.kind onnx) the file is read, for the size of images, the normalisation and
the names of parameters; if that file is the only mistake, the exit status is 3. If the
data is there, its number of classes is compared with that of the model.
"check --config FILE" is the same as "check FILE".

Below "FILE: ok", lines with "note:" name what is possible but may be a mistake: a
warmup that does nothing or takes the whole run, decays after the last epoch, what has
no effect on a given model, and images that every epoch leaves out, if the settings say
how many images there are. Training prints the same notes when it begins. If
photographs are streamed and can be found, a note estimates how long it takes to read
an epoch of them, from a first batch. The exit status is 0 in spite of notes.
` + cli.ExitHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runConfigCheck(cmd.Context(), cmd.OutOrStdout(), opts, args)
		},
	}
	opts.Add(cmd)
	cmd.Flags().Lookup("config").Usage = "another experiment to check, a YAML file"
	return cmd
}

func runConfigCheck(ctx context.Context, out io.Writer, opts configOptions, files []string) error {
	if opts.Config != "" {
		files = append([]string{opts.Config}, files...)
	}
	if len(files) == 0 {
		return cli.BadUsage(errors.New("check the configuration: no file is given: run 'pipeline config check FILE'"))
	}
	var found strings.Builder
	faulty, unread := 0, 0
	for _, file := range files {
		notes, err := checkExperiment(file, opts.Sets)
		var wrong *configs.Error
		switch {
		case err == nil:
			fmt.Fprintf(&found, "%s: ok\n", file)
			for _, n := range notes {
				fmt.Fprintln(&found, noteOf(file, n))
			}
			estimate, err := photoNote(ctx, file, opts.Sets)
			if err != nil {
				return err
			}
			if estimate != "" {
				fmt.Fprintln(&found, estimate)
			}
		case errors.As(err, &wrong):
			faulty++
			if cli.IsAny[*rundir.DataError](err) {
				unread++
			}
			for i, problem := range wrong.Problems {
				if i == configs.MostShown {
					fmt.Fprintf(&found, "%s: and %d more\n", file, len(wrong.Problems)-i)
					break
				}
				fmt.Fprintln(&found, problemOf(file, problem))
			}
		default:
			return err
		}
	}
	if _, err := io.WriteString(out, found.String()); err != nil {
		return err
	}
	if faulty == 0 {
		return nil
	}
	mistakes := fmt.Errorf("check the configuration: mistakes in %d of %d files", faulty, len(files))
	if faulty == unread {
		return cli.BadData(mistakes)
	}
	return cli.BadUsage(mistakes)
}

// problemOf writes a problem, with the name of the file if it does not come from a line.
func problemOf(file string, p configs.Problem) string {
	if p.Origin.Source == "" {
		return file + ": " + p.Message
	}
	return p.String()
}

// noteOf writes a note as compilers do, with the name of the file if it does not come from a
// line.
func noteOf(file string, n configs.Note) string {
	origin := n.Origin.String()
	if n.Origin.Source == "" {
		origin = file
	}
	return origin + ": note: " + n.Message
}

// checkExperiment checks a file, its recipe, its given model, and the runs of its sweep if it has
// one, and returns the notes about them.
func checkExperiment(file string, sets []string) ([]configs.Note, error) {
	resolved, err := configs.LoadResolved(file, sets)
	if err != nil {
		return nil, err
	}
	runs, notes := []configs.Experiment{resolved.Experiment}, resolved.Notes(0)
	if resolved.GivesSweep() {
		cells, err := resolved.Cells()
		if err != nil {
			return nil, err
		}
		runs, notes = append(runs, cells...), withSweep(notes, resolved)
	}
	for _, e := range runs {
		if _, err := trainloop.Recipe(e.Augment); err != nil {
			problem := configs.Problem{Message: err.Error()}
			if len(resolved.Experiment.Augment.Operations) > 0 {
				problem.Origin = resolved.Origins["augment.operations"]
			}
			return nil, &configs.Error{Problems: []configs.Problem{problem}}
		}
	}
	ofGivens, err := checkGivens(resolved, runs)
	return append(notes, ofGivens...), err
}

// checkGivens checks the given models of the experiment and of the runs of its sweep, which come
// after it, and returns notes about them. An error is a *configs.Error, joined with the cause.
func checkGivens(resolved *configs.Resolved, runs []configs.Experiment) (notes []configs.Note, err error) {
	i, err := cli.CheckGivens(runs, func(i int, n configs.Note) {
		p := problemOfRun(resolved, runs, i, n.Key, n.Message)
		notes = append(notes, configs.Note{Key: n.Key, Origin: p.Origin, Message: p.Message})
	})
	if err == nil {
		return notes, nil
	}
	key, message := "model.path", "model.path: "+err.Error()
	if wrong := (*trainloop.SettingError)(nil); errors.As(err, &wrong) {
		key, message = wrong.Key, err.Error()
	}
	problem := problemOfRun(resolved, runs, i, key, message)
	return nil, errors.Join(&configs.Error{Problems: []configs.Problem{problem}}, err)
}

// problemOfRun returns a problem with a setting of the experiment, which is the first of the runs,
// or of a run of its sweep.
func problemOfRun(resolved *configs.Resolved, runs []configs.Experiment, i int, key, message string) configs.Problem {
	if i == 0 {
		return configs.Problem{Message: message, Origin: resolved.Place(key)}
	}
	condition := runs[i].Sweep.Conditions[0]
	return configs.Problem{Message: fmt.Sprintf("condition %s: %s", condition, message), Origin: resolved.PlaceInCell(condition, key)}
}

// withSweep adds the notes about a sweep to those about the file as a single run, without
// duplicates. The note about the images that a batch size leaves out is a duplicate too if
// the sweep has this batch size.
func withSweep(notes []configs.Note, r *configs.Resolved) []configs.Note {
	ofSweep := r.SweepNotes(0)
	notes = slices.DeleteFunc(notes, func(n configs.Note) bool {
		return slices.Contains(ofSweep, n) ||
			n.Key == "train.batch_size" && slices.Contains(r.Experiment.Sweep.BatchSizes, r.Experiment.Train.BatchSize)
	})
	return append(notes, ofSweep...)
}

func newConfigSchemaCommand() *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of experiments, for editors",
		Long: `Print the JSON Schema (draft 2020-12) of experiments, made from the same table as
the checks. An editor with the YAML language server completes and checks a file
that starts with

  # yaml-language-server: $schema=FILE

--markdown prints the table itself as a page: every setting with its default, what it
accepts and what it does. docs/settings.md is made in this way.
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runConfigSchema(cmd.OutOrStdout(), markdown) },
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "print a page in Markdown")
	return cmd
}

func runConfigSchema(out io.Writer, markdown bool) error {
	if markdown {
		_, err := io.WriteString(out, configs.SettingsPage())
		return err
	}
	schema, err := configs.Schema()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", schema)
	return err
}
