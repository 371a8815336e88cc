"""The results folder, which stores every study, trial and final as plain files."""
