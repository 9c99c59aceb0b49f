"""Studies of tables of patients: hospitals that record different variables, and heart disease in four of them."""
