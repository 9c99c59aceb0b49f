"""What a trained PINN is asked: its episodes, their true answers, and the tasks that draw them."""
